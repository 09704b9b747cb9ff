//go:build unix

package policy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
)

// toolbox creates a folder with some programs and links to them.
func toolbox(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"git", "bash", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"git-link": "git", "sneaky": "bash", "sh": "bash"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(dir, "plain"), "no program")
	return dir
}

func programs(list ...policy.Program) policy.Config {
	return policy.Config{Command: policy.Command{Programs: list}}
}

func TestProgram(t *testing.T) {
	t.Parallel()
	dir := toolbox(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	p := open(t, programs(
		policy.Program{Path: in("git"), Args: []string{"^(status|log)$", `^--max-count=\d+$`}},
		policy.Program{Path: in("git"), Args: []string{"^version$"}},
		policy.Program{Path: in("bash"), Name: "python"},
		policy.Program{Path: in("sh")},
	))
	for _, c := range []struct {
		name string
		args string
		want string // empty: refused
		says string
	}{
		{"git", "status", in("git"), ""},
		{"git", "", in("git"), ""},
		{"git", "log --max-count=3", in("git"), ""},
		{"git", "version", in("git"), ""},
		{in("git"), "status", in("git"), ""},
		{in("git-link"), "status", in("git"), ""},
		{dir + "/./git", "status", in("git"), ""},
		{"python", "-c anything", in("bash"), ""},
		{"sh", "-c x", in("sh"), ""},
		{"git", "push", "", "policy.command.programs[0].args"},
		{"git", "status push", "", `"push"`},
		{"git", "log version", "", "is not allowed for"},
		{"git", "--max-count=3;id", "", "--max-count=3;id"},
		{"bash", "", "", "policy.command.programs"},
		{"other", "", "", "policy.command.programs: [{path: /path/to/other}]"},
		{in("other"), "", "", in("other")},
		{"/bin/cat", "/etc/passwd", "", "policy.command.programs: [{path: /bin/cat}]"},
		{"./git", "status", "", "is not allowed"},
		{"../git", "status", "", "is not allowed"},
		{"", "", "", "is not allowed"},
		{".", "", "", "is not allowed"},
		{"git\x00", "status", "", "NUL"},
		{"git", "status\x00", "", "NUL"},
		{"GIT", "status", "", "the allowed programs are git, python, sh"},
	} {
		got, err := p.Program(c.name, strings.Fields(c.args))
		if c.want != "" {
			if err != nil || got != c.want {
				t.Errorf("%q %q: %q, %v", c.name, c.args, got, err)
			}
			continue
		}
		if d := denied(t, err); got != "" || !strings.Contains(d.Message+" "+d.Hint, c.says) || d.Field != "command" {
			t.Errorf("%q %q: %q; %q, %q", c.name, c.args, got, d.Message, d.Hint)
		}
	}
}

func TestProgramsThatAreRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	dir := toolbox(t)
	for name, says := range map[string]string{
		"sneaky": "is " + filepath.Join(dir, "bash") + " under another name",
		"plain":  "is not a program",
		"":       "is not a program",
	} {
		_, err := policy.New(programs(policy.Program{Path: filepath.Join(dir, name)}))
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "policy.command.programs[0].path") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestATurnedLinkIsNoticed(t *testing.T) {
	t.Parallel()
	dir := toolbox(t)
	link := filepath.Join(dir, "git-link")
	p := open(t, programs(policy.Program{Path: link}))
	if _, err := p.Program("git-link", nil); err != nil {
		t.Fatal(err)
	}
	updated := filepath.Join(dir, "updated")
	if err := os.WriteFile(updated, []byte("#!/bin/sh\n# newer\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(updated, filepath.Join(dir, "git")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Program("git-link", nil); err != nil {
		t.Errorf("after an update in its place: %v", err)
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("bash", link); err != nil {
		t.Fatal(err)
	}
	_, err := p.Program("git-link", nil)
	denied(t, err)
}

func TestShellIsOffUnlessOpened(t *testing.T) {
	t.Parallel()
	if _, _, ok := open(t, policy.Config{}).Shell(); ok {
		t.Error("the shell is open by default")
	}
	p := open(t, policy.Config{Command: policy.Command{Shell: true}})
	if path, option, ok := p.Shell(); !ok || path != "/bin/sh" || option != "-c" {
		t.Errorf("%q, %q, %v", path, option, ok)
	}
}

func TestHomeIsExpanded(t *testing.T) {
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	put(t, filepath.Join(home, "a.txt"), "at home")
	p := open(t, policy.Config{Files: policy.Files{Roots: map[string]policy.Root{"home": {Path: "~"}}}})
	if got, err := read(p, "home:a.txt"); err != nil || got != "at home" {
		t.Errorf("%q, %v", got, err)
	}
}

func BenchmarkProgram(b *testing.B) {
	p, err := policy.New(programs(policy.Program{Path: "/usr/bin/env"}))
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	for b.Loop() {
		if _, err := p.Program("env", []string{"a"}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestOnlyNamedVariables: many more variables steer a program than a list could
// hold, so an entry names those that callers may set.
func TestOnlyNamedVariables(t *testing.T) {
	t.Parallel()
	dir := toolbox(t)
	git, other := filepath.Join(dir, "git"), filepath.Join(dir, "other")
	p := open(t, programs(
		policy.Program{Path: git, Args: []string{"^log$"}, Env: []string{"CITY", "GIT_WORK"}}, policy.Program{Path: git, Args: []string{"^status$"}}, policy.Program{Path: other},
	))
	for _, c := range []struct {
		program, arg string
		variables    []string
		ok           bool
	}{
		{"git", "log", nil, true},
		{"git", "log", []string{"CITY"}, true},
		{git, "log", []string{"CITY", "GIT_WORK"}, true},
		{"git", "status", nil, true},
		{"git", "status", []string{"GIT_WORK"}, false}, // another entry of the same program names it
		{"git", "log", []string{"CITY", "X"}, false},
		{"git", "log", []string{"city"}, false},
		{"other", "x", nil, true},
		{"other", "x", []string{"CITY"}, false},
		{"git", "log", []string{""}, false},
		{"git", "log", []string{"A=B"}, false},
		{"git", "log", []string{"CITY\x00"}, false},
		{"git", "log", []string{"CITY=x"}, false},
		{"git", "log", []string{"1A"}, false},
	} {
		_, err := p.Program(c.program, []string{c.arg}, c.variables...)
		if c.ok && err != nil {
			t.Errorf("%v for %s %s: %v", c.variables, c.program, c.arg, err)
		}
		if !c.ok && denied(t, err).Field != "env" {
			t.Errorf("%v for %s %s: %v", c.variables, c.program, c.arg, err)
		}
	}
	for _, name := range steering {
		for _, program := range []struct{ name, arg string }{{"git", "status"}, {"git", "log"}, {"other", "x"}} {
			_, err := p.Program(program.name, []string{program.arg}, name)
			if d := denied(t, err); d.Field != "env" || !strings.Contains(d.Hint, ".env: ["+name+"]") {
				t.Errorf("%s for %s: %+v", name, program.name, d)
			}
		}
	}
}

// steering are variables that make some program run code, read other files or
// change its options.
var steering = strings.Fields(`
	LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES GLIBC_TUNABLES GCONV_PATH PATH BASH_ENV ENV IFS SHELLOPTS PS4 HOME XDG_CONFIG_HOME TMPDIR
	ZIPOPT ZIP UNZIP UNZIPOPT GZIP BZIP BZIP2 XZ_OPT XZ_DEFAULTS ZSTD_CLEVEL TAR_OPTIONS TAPE CPIO_OPTIONS APT_CONFIG DPKG_ROOT KUBECONFIG KUBE_EDITOR
	HELM_PLUGINS PSQLRC PSQL_EDITOR PGSERVICEFILE PGPASSFILE PGSYSCONFDIR PGOPTIONS PGHOST MYSQL_HOME MYSQL_TEST_LOGIN_FILE SQLITE_HISTORY AWS_CONFIG_FILE
	CLOUDSDK_CONFIG DOCKER_CONFIG DOCKER_HOST TF_CLI_ARGS TF_CLI_CONFIG_FILE ANSIBLE_CONFIG MAVEN_OPTS GRADLE_OPTS JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS SBT_OPTS
	PYTHONPATH PYTHONSTARTUP PYTHONINSPECT PERL5OPT PERL5LIB RUBYOPT NODE_OPTIONS NODE_PATH PHPRC PHP_INI_SCAN_DIR LUA_INIT R_PROFILE_USER JULIA_LOAD_PATH
	GIT_DIR GIT_SSH_COMMAND GIT_EXTERNAL_DIFF GIT_CONFIG_GLOBAL GIT_CONFIG_COUNT GIT_PAGER SSH_ASKPASS HGRCPATH HGEDITOR SVN_SSH CVS_RSH RSYNC_RSH
	EDITOR VISUAL PAGER LESS LESSOPEN MANPAGER BROWSER SYSTEMD_PAGER DELTA_PAGER BAT_CONFIG_PATH RIPGREP_CONFIG_PATH ACKRC GREP_OPTIONS VIMINIT EXINIT INPUTRC TERMINFO
	CURL_HOME WGETRC http_proxy HTTPS_PROXY ALL_PROXY SSLKEYLOGFILE SSL_CERT_FILE OPENSSL_CONF OPENSSL_MODULES NETRC NIX_PATH CARGO_HOME RUSTC_WRAPPER GOFLAGS CC
	MAKEFLAGS CMAKE_TOOLCHAIN_FILE CFLAGS GCC_EXEC_PREFIX COMPILER_PATH FONTCONFIG_FILE MAGICK_CONFIGURE_PATH GS_OPTIONS FFREPORT POSTGRES_CONF LOCPATH NLSPATH MALLOC_TRACE`)

func TestShellLinesTakeAnyVariable(t *testing.T) {
	t.Parallel()
	if err := policy.CheckVariables([]string{"PATH", "a_1"}); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"", "A=B", "A\x00", "1A", "A B"} {
		if denied(t, policy.CheckVariables([]string{name})).Field != "env" {
			t.Errorf("%q is allowed", name)
		}
	}
}
