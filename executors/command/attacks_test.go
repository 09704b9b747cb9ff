//go:build unix

package command_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

// steering are variables by which a caller could make a program run or read
// something else.
var steering = strings.Fields(`TAR_OPTIONS TAPE RSH TAR_RSH TMPDIR ZIPOPT ZIP UNZIP CURL_HOME CURL_CA_BUNDLE SSL_CERT_FILE SSLKEYLOGFILE http_proxy HTTPS_PROXY ALL_PROXY NETRC
	SSH_ASKPASS SSH_ASKPASS_REQUIRE SSH_AUTH_SOCK SSH_SK_PROVIDER DISPLAY KUBECONFIG KUBECTL_EXTERNAL_DIFF KUBECTL_PLUGINS_PATH KUBE_EDITOR EDITOR VISUAL PAGER LESSOPEN MANPAGER
	GIT_SSH GIT_SSH_COMMAND GIT_CONFIG GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM GIT_CONFIG_COUNT GIT_CONFIG_PARAMETERS GIT_EXTERNAL_DIFF GIT_PAGER GIT_EDITOR GIT_DIR GIT_WORK_TREE GIT_EXEC_PATH
	GIT_TEMPLATE_DIR GIT_PROXY_COMMAND GIT_ASKPASS GIT_TRACE PSQLRC PSQL_PAGER PSQL_EDITOR PGSERVICEFILE PGPASSFILE PGOPTIONS PGSYSCONFDIR
	LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES PATH HOME XDG_CONFIG_HOME BASH_ENV ENV IFS SHELL PYTHONPATH PERL5OPT RUBYOPT NODE_OPTIONS JAVA_TOOL_OPTIONS GCONV_PATH LOCPATH`)

// Callers set no variable for any documented program.
func TestNoVariableSteersADocumentedProgram(t *testing.T) {
	t.Parallel()
	for name, entry := range documented(t) {
		pol := harmless(t, name, entry)
		if _, err := pol.Program(name, nil); err != nil {
			t.Errorf("%s without variables: %v", name, err)
		}
		_, failed := try(t.Context(), t, pol, inputs(t, map[string]any{"command": []string{name}, "env": map[string]string{"HOME": "."}}))
		if failed == nil || failed.Type != executors.PermissionDenied {
			t.Errorf("%s was called with a variable: %v", name, failed)
		}
		for _, variable := range steering {
			if path, err := pol.Program(name, nil, variable); err == nil {
				t.Errorf("%s with %s was not refused: %s", name, variable, path)
			}
		}
	}
}

// harmless returns a policy with the rules of an entry for a program that does
// nothing.
func harmless(t *testing.T, name string, entry policy.Program) *policy.Policy {
	t.Helper()
	path, err := exec.LookPath("true")
	if err != nil {
		t.Skip(err)
	}
	entry.Path, entry.Name = path, name
	pol, _ := trap(t, entry)
	return pol
}

// Each argument that an entry allows is refused with anything before or after
// it: the rules match whole arguments, line breaks included.
func TestRulesMatchWholeArguments(t *testing.T) {
	t.Parallel()
	allowed := map[string]string{
		"tar": "-tf ./a.tar", "find": ". -name *.sh -maxdepth 1", "zip": "-r ./o.zip ./sub", "curl": "-sS https://api.example.com/v1/x?y=1",
		"ssh": "ops@web01 uptime", "kubectl": "get pods --namespace=default", "git": "log -1",
	}
	for name, entry := range documented(t) {
		words := strings.Fields(allowed[name])
		if len(words) == 0 {
			t.Fatalf("the test has no call of %s", name)
		}
		pol := harmless(t, name, entry)
		call := func(words []string) error {
			_, err := pol.Program(name, words)
			return err
		}
		if failed := call(words); failed != nil {
			t.Errorf("%v: %v", words, failed)
		}
		for i, word := range words {
			for _, changed := range []string{
				word + "\n", word + "\n--exec=./evil.sh", "--exec=./evil.sh\n" + word, " " + word, word + " -x", word + "\x00", word + "\r", "-" + word, "@" + word, word + ";./evil.sh", word + "|x", "$(" + word + ")", "\u2212" + word, word + "\u00a0", "",
			} {
				if strings.HasPrefix(word, "*") || name == "find" && changed == "-"+word {
					continue // a pattern or a test of find
				}
				attack := append([]string(nil), words...)
				attack[i] = changed
				if failed := call(attack); failed == nil {
					t.Errorf("%s %q was not refused", name, attack)
				}
			}
		}
	}
}

// TestGitElsewhere attacks the entry for git where no root is writable.
func TestGitElsewhere(t *testing.T) {
	t.Parallel()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("needs git: ", err)
	}
	page, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `git` \\|.*`\\[('.*')\\]`").FindSubmatch(page)
	if row == nil {
		t.Fatal("docs/security.md has no row with an entry for git")
	}
	entry := policy.Program{Path: git}
	for rule := range strings.SplitSeq(strings.ReplaceAll(string(row[1]), `\|`, "|"), ", ") {
		entry.Args = append(entry.Args, strings.Trim(rule, "'"))
	}
	writable, outside := trap(t, entry)
	work, _ := writable.OnlyRoot()
	for _, args := range []string{"init -q", "add evil.sh", "-c user.name=a -c user.email=a@b commit -q -m x"} {
		cmd := exec.Command(git, strings.Fields(args)...)
		cmd.Dir = work
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %s, %v", args, out, err)
		}
	}
	pol, err := policy.New(policy.Config{
		Command: policy.Command{Programs: []policy.Program{entry}}, Files: policy.Files{Roots: map[string]policy.Root{"work": {Path: work}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pol.Close() })
	call := func(words []string) *executors.Error {
		_, failed := try(t.Context(), t, pol, inputs(t, map[string]any{"command": append([]string{"git"}, words...)}))
		return failed
	}
	for _, words := range lines(`-c core.pager=./evil.sh log|-c core.fsmonitor=./evil.sh status|-c alias.x=!./evil.sh x|--exec-path=./ log|--exec-path=. x|-C .. log|--git-dir=./sub log|--work-tree=.. status|
		log --output=../x|show --ext-diff|log --textconv|-p log|--paginate log|diff --no-index /etc/passwd ./evil.sh|diff|blame ../outside|grep -O./evil.sh x|clone ext::./evil.sh x|
		fetch --upload-pack=./evil.sh .|pull|push --receive-pack=./evil.sh .|ls-remote ext::./evil.sh|bisect run ./evil.sh|rebase -x ./evil.sh|submodule foreach ./evil.sh|config core.pager ./evil.sh|
		archive --output=../x HEAD|format-patch -o .. -1|worktree add ../x|hook run pre-commit|difftool -x ./evil.sh|log --format=%h ../outside|show HEAD:../outside|status --porcelain|log -1 --|log -n1|--help`) {
		if path, err := pol.Program("git", words); err == nil {
			t.Errorf("git %v was not refused: %s", words, path)
		}
	}
	for _, words := range lines("log|show|status|log -1|-1 log|show -20|status status|log show|-1 -1|status -1|log log -2") {
		if failed := call(words); failed != nil && failed.Type == executors.PermissionDenied {
			t.Errorf("git %v was refused: %v", words, failed)
		}
		outside(words)
	}
	if failed := call([]string{"log", "-1"}); failed != nil {
		t.Errorf("git log -1: %v", failed)
	}
}

// TestPsqlRunsWhatItsQueriesName shows why docs/security.md names no entry for
// psql with a query of the caller: each of these runs a program.
func TestPsqlRunsWhatItsQueriesName(t *testing.T) {
	t.Parallel()
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Skip("needs psql: ", err)
	}
	server := peers.StartPostgres(t)
	for name, query := range map[string][]string{
		"a shell":     {"-c", `\! ./evil.sh`},
		"a copy":      {"-c", `\copy (select 1) to program './evil.sh'`},
		"an output":   {"-c", `\o |./evil.sh`, "-c", "select 1"},
		"a backquote": {"-c", "\\set x `./evil.sh`"},
		"a file":      {"-f", "evil.sql"},
		"an include":  {"-c", `\i evil.sql`},
		"a log":       {"-L", "../written", "-c", "select 1"},
	} {
		pol, _ := trap(t, policy.Program{Path: psql})
		work, _ := pol.OnlyRoot()
		if err := os.WriteFile(filepath.Join(work, "evil.sql"), []byte("\\! ./evil.sh\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, failed := try(t.Context(), t, pol, inputs(t, map[string]any{"command": append([]string{"psql", "-X", server.Superuser()}, query...)}))
		_, ran := os.Stat(filepath.Join(filepath.Dir(work), "mark"))
		_, wrote := os.Stat(filepath.Join(filepath.Dir(work), "written"))
		if ran != nil && wrote != nil {
			t.Errorf("%s: psql no longer does this: document an entry; %+v, %v", name, out, failed)
		}
	}
}
