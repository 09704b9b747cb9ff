package ssh_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/ssh"
)

func TestMain(m *testing.M) {
	_ = os.Unsetenv("SSH_AUTH_SOCK") // the user who runs the tests may have one
	if text := os.Getenv(childCall); text != "" {
		callUntilKilled(text)
		return
	}
	// The library can block forever on a session that is requested just when the
	// host closes the connection; this package does not wait for it.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("golang.org/x/crypto/ssh.(*mux).openChannel"))
}

func TestDefinition(t *testing.T) {
	t.Parallel()
	executortest.Check(t, ssh.New())
}

// lab is a host and the executor with a policy that allows it as web01.
type lab struct {
	*peers.SSHD
	t        *testing.T
	registry *executors.Registry
	work     string // the folder that callers may use
	logs     executors.Logs
}

func newLab(t *testing.T, change ...func(*lab, *policy.Config)) *lab {
	t.Helper()
	l := &lab{SSHD: peers.StartSSHD(t), t: t, work: t.TempDir()}
	cfg := l.config()
	cfg.Files.Roots["work"] = policy.Root{Path: l.work, Write: true}
	for _, each := range change {
		each(l, &cfg)
	}
	l.registry = executortest.Registry(t, executortest.Policy(t, cfg), ssh.New())
	return l
}

func (l *lab) call(ctx context.Context, inputs string) (ssh.Output, *executors.Error) {
	l.t.Helper()
	resolved, refused := l.registry.ResolveInputs("ssh_executor", json.RawMessage(inputs))
	if refused != nil {
		return ssh.Output{}, refused
	}
	outcome := l.registry.Invoke(ctx, "ssh_executor", &executors.Call{Inputs: resolved, Attempt: 1, Logs: l.logs}, 0)
	var out ssh.Output
	if len(outcome.Result) > 0 {
		if err := json.Unmarshal(outcome.Result, &out); err != nil {
			l.t.Fatalf("the result %s: %v", outcome.Result, err)
		}
	}
	return out, outcome.Err
}

// direct returns the start of the inputs of a call without the connection.
func (l *lab) direct(user, more string) string {
	return fmt.Sprintf(`{"host": %q, "port": %d, "username": %q, "known_hosts": %q, %s}`, l.Host, l.Port, user, l.KnownHosts, more)
}

func TestCommands(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for name, c := range map[string]struct {
		more   string
		stdout string
		stderr string
		code   int
		err    executors.ErrorType
	}{
		"a string":             {`"command": "echo a  b; echo $((1+2))"`, "a b\n3\n", "", 0, ""},
		"an array":             {`"command": ["printf", "%s|", "a  b", "$HOME", "*", "'", "\"", "\\", "-n", "", "ä\n;reboot", "$(id)", "!!"]`, "a  b|$HOME|*|'|\"|\\|-n||ä\n;reboot|$(id)|!!|", "", 0, ""},
		"an exit code":         {`"command": "echo out; echo why >&2; exit 3"`, "out\n", "why\n", 3, executors.ExecutionError},
		"not there":            {`"command": ["no-such-program"]`, "", "", 127, executors.ExecutionError},
		"a signal":             {`"command": "kill -9 $$"`, "", "", 137, executors.ExecutionError},
		"input":                {`"command": "cat", "stdin": "to be read\n"`, "to be read\n", "", 0, ""},
		"input of all kinds":   {`"command": "od -An -tx1 | tr -d ' \\n'", "stdin": "\u0000a\\n\\0101%s\u0000\n\n"`, "00615c6e5c303130312573000a0a", "", 0, ""},
		"much input":           {`"command": "wc -c | tr -d ' '", "stdin": "` + strings.Repeat(`\\x`, 1<<20) + `"`, "2097152\n", "", 0, ""},
		"interrupted":          {`"command": "trap 'echo caught' INT; kill -INT $$; echo after"`, "caught\nafter\n", "", 0, ""},
		"no input":             {`"command": "cat"`, "", "", 0, ""},
		"input nobody reads":   {`"command": "true", "stdin": "` + strings.Repeat("x", 1<<20) + `"`, "", "", 0, ""},
		"variables":            {`"command": "echo \"$CITY|$B\"; cat", "env": {"CITY": "Köln '$(id)' \n\"", "B": ""}, "stdin": "in"`, "Köln '$(id)' \n\"|\nin", "", 0, ""},
		"a variable that cuts": {`"command": "true", "env": {"A; reboot": "x"}`, "", "", 0, executors.ValidationError},
		"NUL":                  {`"command": "echo \u0000"`, "", "", 0, executors.ValidationError},
		"NUL in a variable":    {`"command": "true", "env": {"A": "\u0000"}`, "", "", 0, executors.ValidationError},
		"nothing to do":        {`"timeout": 5`, "", "", 0, executors.ValidationError},
		"no program":           {`"command": [""]`, "", "", 0, executors.ValidationError},
		"only spaces":          {`"command": "  "`, "", "", 0, executors.ValidationError},
		"a null option":        {`"command": "true", "shell": "/bin/zsh"`, "", "", 0, executors.ValidationError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := l.call(t.Context(), `{"host": "web01", `+c.more+`}`)
			if c.err == "" && err != nil || c.err != "" && (err == nil || err.Type != c.err) {
				t.Fatalf("error %+v, want %q", err, c.err)
			}
			if out.Stdout != c.stdout || c.stderr != "" && out.Stderr != c.stderr || c.err != executors.ValidationError && out.ReturnCode != c.code {
				t.Errorf("got %+v", out)
			}
			if c.err == executors.ExecutionError && (err.Code != fmt.Sprint(c.code) || out.Success) {
				t.Errorf("code %q, %+v", err.Code, out)
			}
		})
	}
}

// TestVariablesAreNotInTheProcessList checks that other users of the host can't
// see the values of variables.
func TestVariablesAreNotInTheProcessList(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	out, err := l.call(t.Context(), `{"host": "web01", "command": "cat /proc/*/cmdline | tr '\\0' ' '", "env": {"TOKEN": "visible-7461"}}`)
	if err != nil || strings.Contains(out.Stdout, "visible-7461") || !strings.Contains(out.Stdout, "timeout -k 2") {
		t.Errorf("%v: %.2000s", err, out.Stdout)
	}
}

func TestLogins(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	const run = `"command": "id -un"`
	open := filepath.Join(l.work, "open_key")
	text, err := os.ReadFile(l.Key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(open, text, 0o644); err != nil { //nolint:gosec // that is the point
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(l.work, "no_key"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		inputs string
		err    executors.ErrorType
		says   string
	}{
		"a connection":           {`{"host": "web01", ` + run + `}`, "", "root"},
		"a key":                  {l.direct("root", `"key_file": "keys:key", `+run), "", "root"},
		"a key with passphrase":  {l.direct("root", `"key_file": "keys:locked", "key_passphrase": "open sesame", `+run), "", "root"},
		"a password":             {l.direct("visitor", `"password": "correct horse", `+run), "", "nobody"},
		"a wrong passphrase":     {l.direct("root", `"key_file": "keys:locked", "key_passphrase": "no", `+run), executors.AuthenticationError, "wrong passphrase"},
		"no passphrase":          {l.direct("root", `"key_file": "keys:locked", `+run), executors.AuthenticationError, "encrypted"},
		"a wrong password":       {l.direct("visitor", `"password": "wrong", `+run), executors.AuthenticationError, "rejected the credentials of visitor"},
		"a user who is not":      {l.direct("nemo", `"password": "wrong", `+run), executors.AuthenticationError, "rejected the credentials of nemo"},
		"nothing to log in with": {l.direct("root", run), executors.AuthenticationError, "no SSH agent"},
		"no user":                {fmt.Sprintf(`{"host": %q, "port": %d, %s}`, l.Host, l.Port, run), executors.ValidationError, "username"},
		"a key for all to read":  {l.direct("root", `"key_file": "work:open_key", `+run), executors.PermissionDenied, "0644"},
		"no key at all":          {l.direct("root", `"key_file": "work:no_key", `+run), executors.ValidationError, "not a private key"},
		"a key that is not open": {l.direct("root", `"key_file": "/etc/shadow", `+run), executors.PermissionDenied, "/etc/shadow"},
		"known hosts not open":   {fmt.Sprintf(`{"host": %q, "port": %d, "username": "root", "password": "x", "known_hosts": "/etc/hosts", %s}`, l.Host, l.Port, run), executors.PermissionDenied, "/etc/hosts"},
		"a host that is closed":  {`{"host": "10.0.0.1", "username": "root", "password": "x", ` + run + `}`, executors.PermissionDenied, "10.0.0.1"},
		"another port":           {fmt.Sprintf(`{"host": %q, "port": 22, "username": "root", "password": "x", %s}`, l.Host, run), executors.PermissionDenied, l.Host},
		"a connection as other":  {`{"host": "web01", "username": "visitor", ` + run + `}`, executors.ValidationError, "sets it"},
		"other known hosts":      {`{"host": "web01", "known_hosts": "work:x", ` + run + `}`, executors.ValidationError, "sets it"},
		"a jump of one's own":    {`{"host": "web01", "jump": "web01", ` + run + `}`, executors.ValidationError, "sets it"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := l.call(t.Context(), c.inputs)
			if c.err == "" {
				if err != nil || strings.TrimSpace(out.Stdout) != c.says {
					t.Fatalf("%+v, %+v", out, err)
				}
				return
			}
			if err == nil || err.Type != c.err || !strings.Contains(err.Message, c.says) {
				t.Fatalf("error %+v, want %s with %q", err, c.err, c.says)
			}
		})
	}
}

// TestHostKeys checks that no input accepts a wrong host key.
func TestHostKeys(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	changed := "keys:" + filepath.Base(l.NewKnownHosts(t))
	if err := os.WriteFile(filepath.Join(l.work, "empty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for file, says := range map[string]string{changed: "has changed", "work:empty": "lets callers write known_hosts"} {
		inputs := fmt.Sprintf(`{"host": %q, "port": %d, "username": "visitor", "password": "correct horse", "known_hosts": %q, "command": "touch seen"}`, l.Host, l.Port, file)
		_, err := l.call(t.Context(), inputs)
		if err == nil || !strings.Contains(err.Message, says) || err.Retryable {
			t.Errorf("%s: %+v", file, err)
		}
	}
	if n := l.Logins(t); n != 0 {
		t.Errorf("somebody logged in %d times", n)
	}
}

func TestConnectionsAreShared(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for range 20 {
		if _, err := l.call(t.Context(), `{"host": "web01", "command": "true"}`); err != nil {
			t.Fatal(err)
		}
	}
	if n := l.Logins(t); n != 1 {
		t.Errorf("%d logins for 20 calls, one after the other", n)
	}
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if _, err := l.call(t.Context(), `{"host": "web01", "command": "sleep 0.2"}`); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := l.Logins(t); n > 5 {
		t.Errorf("%d logins for 32 calls at a time", n)
	}
}

// TestConnectionsAreReplaced checks that a connection closed by the host is
// replaced.
func TestConnectionsAreReplaced(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if _, err := l.call(t.Context(), `{"host": "web01", "command": "kill $(ps -o ppid= -p $PPID) $PPID"}`); err == nil {
		t.Log("the session outlived its own server")
	}
	if out, err := l.call(t.Context(), `{"host": "web01", "command": "echo again"}`); err != nil || out.Stdout != "again\n" {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestJump(t *testing.T) {
	t.Parallel()
	var inner *peers.SSHD
	l := newLab(t, func(l *lab, cfg *policy.Config) {
		inner = peers.StartSSHD(l.t)
		cfg.Connections["inside"] = policy.Connection{Kind: "ssh", Host: inner.Host, Port: inner.Port, User: "root", KeyFile: inner.Key, KnownHosts: inner.KnownHosts, Jump: "web01"}
		cfg.SSH.Hosts = append(cfg.SSH.Hosts, "inside", fmt.Sprintf("%s:%d", inner.Host, inner.Port))
		cfg.Files.Roots["inner"] = policy.Root{Path: filepath.Dir(inner.Key)}
	})
	direct := fmt.Sprintf(`{"host": %q, "port": %d, "username": "visitor", "password": "correct horse", "known_hosts": "inner:known_hosts", "jump": "web01", "command": "echo $SSH_CONNECTION"}`, inner.Host, inner.Port)
	for _, inputs := range []string{`{"host": "inside", "command": "echo $SSH_CONNECTION"}`, direct} {
		out, err := l.call(t.Context(), inputs)
		if err != nil || !strings.HasSuffix(strings.TrimSpace(out.Stdout), fmt.Sprint(inner.Port)) {
			t.Errorf("%s: %+v, %v", inputs, out, err)
		}
	}
	if outside, inside := l.Logins(t), inner.Logins(t); outside != 1 || inside != 2 {
		t.Errorf("%d logins at the jump host, %d behind it", outside, inside)
	}
	if _, err := l.call(t.Context(), strings.Replace(direct, `"web01"`, `"inside"`, 1)); err == nil || err.Type != executors.ValidationError {
		t.Errorf("over two jumps: %v", err)
	}
	if _, err := l.call(t.Context(), strings.Replace(direct, `"web01"`, `"10.0.0.1"`, 1)); err == nil || err.Type != executors.ValidationError {
		t.Errorf("over a host that is no connection: %v", err)
	}
}

func TestOutputThatIsTooLongOrNoText(t *testing.T) {
	t.Parallel()
	l := newLab(t, func(_ *lab, cfg *policy.Config) { cfg.Limits.OutputBytes = 64 << 10 })
	out, err := l.call(t.Context(), `{"host": "web01", "command": "head -c 20000000 /dev/zero | tr '\\0' x; echo end >&2"}`)
	if err != nil || !out.Truncated || len(out.Stdout) > 64<<10 || out.Stderr != "end\n" {
		t.Errorf("%d bytes, truncated %v, %q, %v", len(out.Stdout), out.Truncated, out.Stderr, err)
	}
	out, err = l.call(t.Context(), `{"host": "web01", "command": "printf 'a\\377b\\000'"}`)
	if err != nil || out.Stdout != "a\uFFFDb\x00" {
		t.Errorf("%q, %v", out.Stdout, err)
	}
	out, err = l.call(t.Context(), `{"host": "web01", "command": "yes", "timeout": 1}`)
	if err == nil || err.Type != executors.TimeoutError || !out.Truncated {
		t.Errorf("an endless output: %v", err)
	}
}

// running reports whether a sleep of that duration is running.
func running(t *testing.T, seconds string) bool {
	t.Helper()
	return slices.Contains(commandLines(t), "sleep\x00"+seconds+"\x00")
}

// commandLines returns the command lines of all processes.
func commandLines(t *testing.T) []string {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		if line, err := os.ReadFile(entry); err == nil {
			all = append(all, string(line))
		}
	}
	return all
}

// TestRemoteCommandsEndWithTheCall checks that a call that ends stops its remote
// processes, including children and processes that ignore SIGTERM.
func TestRemoteCommandsEndWithTheCall(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for i, command := range []string{"sleep 31%d", "sleep 31%d & sleep 31%[1]d; wait", "trap '' TERM; sleep 31%d; sleep 31%[1]d"} {
		word := fmt.Sprintf("31%d", 7100+i)
		command = strings.NewReplacer("31%d", word, "31%[1]d", word).Replace(command)
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				for !running(t, word) && ctx.Err() == nil {
					time.Sleep(5 * time.Millisecond)
				}
				cancel()
			}()
			out, err := l.call(ctx, fmt.Sprintf(`{"host": "web01", "command": %q}`, "echo begun; "+command))
			if err == nil || err.Type != executors.Cancelled {
				t.Errorf("%+v", err)
			}
			if out.Stdout != "begun\n" {
				t.Errorf("the output so far: %q", out.Stdout)
			}
			if running(t, word) {
				t.Error("it still runs")
			}
		})
	}
	out, err := l.call(t.Context(), `{"host": "web01", "command": "echo begun; sleep 3179", "timeout": 3}`)
	if err == nil || err.Type != executors.TimeoutError || out.Stdout != "begun\n" || running(t, "3179") {
		t.Errorf("%+v, %+v, still there: %v", err, out, running(t, "3179"))
	}
	if out, err := l.call(t.Context(), `{"host": "web01", "command": "echo fine"}`); err != nil || out.Stdout != "fine\n" {
		t.Errorf("the next call: %v", err)
	}
}

func TestReadOnlyServersDoNotUseIt(t *testing.T) {
	t.Parallel()
	l := newLab(t, func(_ *lab, cfg *policy.Config) { cfg.ReadOnly = true })
	if _, err := l.call(t.Context(), `{"host": "web01", "command": "true"}`); err == nil || err.Type != executors.PermissionDenied {
		t.Error(err)
	}
}
