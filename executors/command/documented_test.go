//go:build unix

package command_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// documented returns the entries of the section Programs in docs/security.md.
func documented(t *testing.T) map[string]policy.Program {
	t.Helper()
	page, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := bytes.Cut(page, []byte("\n## Programs\n"))
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(section)
	if block == nil {
		t.Fatal("the section has no entries")
	}
	var file struct{ Policy policy.Config }
	if err := yaml.Unmarshal(block[1], &file); err != nil {
		t.Fatal(err)
	}
	entries := map[string]policy.Program{}
	for _, entry := range file.Policy.Command.Programs {
		entries[filepath.Base(entry.Path)] = entry
	}
	return entries
}

// attacks are calls that each entry must refuse. What it accepts is run in all
// orders.
var attacks = map[string]struct{ refused, accepted [][]string }{
	"tar": {
		refused: lines(`-I ./evil.sh -tf ./a.tar|--to-command=./evil.sh -xf ./a.tar|-tf ./a.tar --checkpoint=1 --checkpoint-action=exec=./evil.sh|xIf ./evil.sh ./a.tar|tIf ./evil.sh ./a.tar|
			tf ./a.tar|-tf evil:./a.tar --rsh-command=./evil.sh|-tf ./a:b.tar|-xf ./a.tar|-tf ../outside|-tf ./../outside|-tf /etc/passwd|-cf ./x.tar ./a.tar|-tf ./a.tar -T ./a.tar|
			-tf ./a.tar --files-from=./a.tar|-tfI ./a.tar ./evil.sh|-tf ./a.tar --use-compress-program=./evil.sh|-tf ./a.tar -F ./evil.sh|-tf ./a.tar --info-script=./evil.sh|-tf ./sub/../../outside`),
		accepted: lines("-tf|-tvf|./a.tar|./evil.sh|./tIf"),
	},
	"find": {
		refused: lines(`. -exec ./evil.sh ;|. -execdir ./evil.sh ;|. -ok ./evil.sh ;|. -okdir ./evil.sh ;|. -delete|. -fprint ./x|. -fprintf ./x %p|. -fls ./x|-files0-from ./a.tar|..|/|../outside|./..|
			-L .|. -name x -exec ./evil.sh {} +|. -follow|. -printf %p`),
		accepted: lines(".|-name|*.sh|-size|+1|exec|delete|-maxdepth"),
	},
	"zip": {
		refused: lines(`-T -TT ./evil.sh ./o.zip ./a.tar|-TT ./evil.sh ./o.zip ./a.tar|-rTT ./o.zip ./a.tar|./o.zip ./a.tar -T --unzip-command=./evil.sh|-@ ./o.zip|./o.zip ../outside|./o.zip /etc/passwd|
			-m ./o.zip ./a.tar|-d ./o.zip ./a.tar|-b ../ ./o.zip ./a.tar|-i@../outside ./o.zip|-ry- ./o.zip`),
		accepted: lines("-r|-ry|./o.zip|./a.tar|./evil.sh|./sub"),
	},
	"curl": {
		refused: lines(`-o ./x https://api.example.com/|file:///etc/passwd|-K ./a.tar|https://api.example.com@127.0.0.1/|https://api.example.com.evil.example/|http://api.example.com/|-d @./a.tar https://api.example.com/|
			--proxy http://127.0.0.1:1 https://api.example.com/|--unix-socket ./x https://api.example.com/|-sSfo ./x https://api.example.com/|-sK ./a.tar|https://api.example.com/{a,b}|https://api.example.com/#|
			--resolve api.example.com:443:127.0.0.1 https://api.example.com/|-L https://api.example.com/|-T ./a.tar https://api.example.com/|https://api.example.com:1/|https://api.example.com|-sSf --netrc-file ./a.tar`),
	},
	"ssh": {
		refused: lines(`-oProxyCommand=./evil.sh ops@web01|-F ./a.tar ops@web01|-o ProxyCommand=./evil.sh ops@web01 uptime|ops@web01 uptime;./evil.sh|ops@web01 -E ./x|root@web01 uptime|ops@web01.evil.example|
			-J evil ops@web01|-w 0 ops@web01|-i ./a.tar ops@web01|ops@web01 rm -rf /|-S ./x -O exit ops@web01|-p1 ops@web01|-L1:a:1 ops@web01|-oPermitLocalCommand=yes -oLocalCommand=./evil.sh ops@web01`),
	},
	"kubectl": {
		refused: lines(`--kubeconfig=./a.tar get pods|delete pods/x|get secrets|get secret/x|get pods -o go-template-file=./a.tar|exec pods/x -- sh|get -f ./a.tar|get pods --server=http://127.0.0.1:1|get pods --token=x|
			get pods --as=root|get --raw=/api|get pods,secrets|get pods/../secrets|describe configmaps|--namespace=x delete pods|get pods --cache-dir=./x|get pods -k ./|config view --raw|cp pods/x:/a ./b`),
	},
}

// lines returns the calls that bars separate, as words.
func lines(text string) (calls [][]string) {
	for call := range strings.SplitSeq(text, "|") {
		calls = append(calls, strings.Fields(call))
	}
	return calls
}

// TestDocumentedPrograms attacks the entries of docs/security.md with the real
// programs. No attack may run a program of the caller, or read or change a file
// outside the working folder.
func TestDocumentedPrograms(t *testing.T) {
	t.Parallel()
	entries := documented(t)
	for name, c := range attacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entry, ok := entries[name]
			if !ok {
				t.Fatalf("docs/security.md has no entry for %s", name)
			}
			path, err := exec.LookPath(name)
			if err != nil { // the rules can be checked with any program
				entry.Name = name
				if path, err = exec.LookPath("true"); err != nil {
					t.Skip(err)
				}
			}
			entry.Path = path
			pol, outside := trap(t, entry)
			for _, call := range c.refused {
				out, failed := try(t.Context(), t, pol, inputs(t, map[string]any{"command": append([]string{name}, call...)}))
				if failed == nil || failed.Type != executors.PermissionDenied || out != nil {
					t.Errorf("%v was not refused: %+v, %v", call, out, failed)
				}
			}
			if entry.Name != "" {
				t.Logf("%s is not installed: its rules were checked, but nothing was run", name)
				return
			}
			for _, call := range orders(c.accepted) {
				out, failed := try(t.Context(), t, pol, inputs(t, map[string]any{"command": append([]string{name}, call...)}))
				if failed != nil && failed.Type == executors.PermissionDenied {
					t.Fatalf("%v was refused: %v", call, failed)
				}
				if out != nil && strings.Contains(out.Stdout+out.Stderr, "outside-content") {
					t.Fatalf("%v read a file outside", call)
				}
				outside(call)
			}
		})
	}
}

// orders returns all sequences of one to three of the given words.
func orders(words [][]string) (all [][]string) {
	var grow func(prefix []string)
	grow = func(prefix []string) {
		for _, word := range words {
			call := append(prefix[:len(prefix):len(prefix)], word...)
			if all = append(all, call); len(call) < 3 {
				grow(call)
			}
		}
	}
	grow(nil)
	return all
}

// trap prepares a working folder with programs of the caller. The function fails
// the test if one has run, or if a file outside has changed.
func trap(t *testing.T, entry policy.Program) (*policy.Policy, func(call []string)) {
	t.Helper()
	above := t.TempDir()
	work, mark := filepath.Join(above, "work"), filepath.Join(above, "mark")
	evil := "#!/bin/sh\ntouch " + mark + "\n"
	for _, name := range []string{"evil.sh", "tIf", "sub/evil.sh", "exec", "delete"} {
		file := filepath.Join(work, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(evil), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(above, "outside"), []byte("outside-content"), 0o644); err != nil {
		t.Fatal(err)
	}
	_ = exec.Command("tar", "-C", work, "-cf", filepath.Join(work, "a.tar"), "evil.sh").Run() // without tar, it is missing
	pol, err := policy.New(policy.Config{
		Command: policy.Command{Programs: []policy.Program{entry}},
		Files:   policy.Files{Roots: map[string]policy.Root{"work": {Path: work, Write: true}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pol.Close() })
	return pol, func(call []string) {
		t.Helper()
		if _, err := os.Stat(mark); err == nil {
			t.Fatalf("%v ran a program of the caller", call)
		}
		found, err := os.ReadDir(above)
		if err != nil || len(found) != 2 {
			t.Fatalf("%v changed files outside: %v, %v", call, found, err)
		}
	}
}

// TestGitRunsItsConfiguration shows why docs/security.md names no entry for git
// in a folder that callers write.
func TestGitRunsItsConfiguration(t *testing.T) {
	t.Parallel()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("needs git: ", err)
	}
	pol, _ := trap(t, policy.Program{Path: git, Args: []string{"^status$"}})
	work, _ := pol.OnlyRoot()
	if out, err := exec.Command(git, "init", "-q", work).CombinedOutput(); err != nil {
		t.Fatalf("%s, %v", out, err)
	}
	config := filepath.Join(work, ".git", "config")
	if err := os.WriteFile(config, []byte("[core]\n\tfsmonitor = ./evil.sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, _ = try(t.Context(), t, pol, `{"command": ["git", "status"]}`)
	if _, err := os.Stat(filepath.Join(filepath.Dir(work), "mark")); err != nil {
		t.Error("git no longer runs what the repository's configuration names: document an entry")
	}
}
