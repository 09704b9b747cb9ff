//go:build unix

package command_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/command"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// allowing returns a policy that allows programs by name.
func allowing(t testing.TB, cfg policy.Config, programs ...string) *policy.Policy {
	t.Helper()
	for _, name := range programs {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("%s is not there: %v", name, err)
		}
		cfg.Command.Programs = append(cfg.Command.Programs, policy.Program{Path: path, Env: []string{"CITY", "MINE", "KEY", "A"}})
	}
	p, err := policy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// try runs a call with JSON inputs.
func try(ctx context.Context, t testing.TB, pol *policy.Policy, inputs string) (*command.Output, *executors.Error) {
	t.Helper()
	executor := command.New()
	t.Cleanup(func() {
		if err := executor.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	object, err := strictjson.DecodeObject([]byte(inputs))
	if err != nil {
		t.Fatal(err)
	}
	filled, wrong := executor.Definition().Input.Apply(object)
	if len(wrong) > 0 {
		return nil, executors.Errorf(executors.ValidationError, "%s %s", wrong[0].Path, wrong[0].Message).WithField(wrong[0].Path)
	}
	value, err := executor.Execute(ctx, &executors.Call{Inputs: filled, Policy: pol})
	out, _ := value.(*command.Output)
	return out, executors.AsError(err)
}

func inputs(t testing.TB, v map[string]any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestCommand(t *testing.T) {
	t.Parallel()
	pol := allowing(t, policy.Config{}, "echo", "cat", "sh", "env", "pwd", "true")
	for name, c := range map[string]struct {
		inputs string
		want   command.Output // without the duration
		err    executors.ErrorType
		says   string
	}{
		"an array":           {`{"command": ["echo", "a  b", "$HOME", "*"]}`, command.Output{Success: true, Stdout: "a  b $HOME *\n"}, "", ""},
		"a string":           {`{"command": "echo 'a  b' $HOME *"}`, command.Output{Success: true, Stdout: "a  b $HOME *\n"}, "", ""},
		"standard input":     {`{"command": "cat", "stdin": "to be read"}`, command.Output{Success: true, Stdout: "to be read"}, "", ""},
		"no standard input":  {`{"command": "cat"}`, command.Output{Success: true}, "", ""},
		"environment":        {`{"command": ["sh", "-c", "echo $CITY"], "env": {"CITY": "Köln"}}`, command.Output{Success: true, Stdout: "Köln\n"}, "", ""},
		"an exit code":       {`{"command": ["sh", "-c", "echo out; echo why >&2; exit 3"]}`, command.Output{ReturnCode: 3, Stdout: "out\n", Stderr: "why\n"}, executors.ExecutionError, "exit code 3: why"},
		"an expected code":   {`{"command": ["sh", "-c", "exit 3"], "expect_exit_codes": [0, 3]}`, command.Output{Success: true, ReturnCode: 3}, "", ""},
		"an unexpected 0":    {`{"command": "true", "expect_exit_codes": [1]}`, command.Output{}, executors.ExecutionError, "exit code 0"},
		"a signal":           {`{"command": ["sh", "-c", "kill -9 $$"]}`, command.Output{ReturnCode: -9}, executors.ExecutionError, "ended by signal 9"},
		"bad UTF-8":          {`{"command": ["sh", "-c", "printf 'a\\377b\\303'"]}`, command.Output{Success: true, Stdout: "a\uFFFDb\uFFFD", Warnings: []string{"stdout is not UTF-8: its invalid bytes are shown as U+FFFD; have the program write UTF-8 or base64"}}, "", ""},
		"a closed program":   {`{"command": ["ls", "/"]}`, command.Output{}, executors.PermissionDenied, "ls"},
		"a closed path":      {`{"command": "/bin/ls /"}`, command.Output{}, executors.PermissionDenied, "/bin/ls"},
		"a pipe":             {`{"command": "echo a | cat"}`, command.Output{}, executors.ValidationError, "no shell"},
		"an open quote":      {`{"command": "echo 'a"}`, command.Output{}, executors.ValidationError, "not closed"},
		"only spaces":        {`{"command": "  "}`, command.Output{}, executors.ValidationError, "empty"},
		"an empty array":     {`{"command": []}`, command.Output{}, executors.ValidationError, ""},
		"a number":           {`{"command": ["echo", 1]}`, command.Output{}, executors.ValidationError, ""},
		"an unknown input":   {`{"command": "true", "shell": true}`, command.Output{}, executors.ValidationError, ""},
		"steering variables": {`{"command": "true", "env": {"LD_PRELOAD": "/tmp/x.so"}}`, command.Output{}, executors.PermissionDenied, "LD_PRELOAD"},
		"NUL in a variable":  {`{"command": "true", "env": {"A": "\u0000"}}`, command.Output{}, executors.ValidationError, "NUL"},
		"NUL in an argument": {`{"command": ["echo", "\u0000"]}`, command.Output{}, executors.PermissionDenied, "NUL"},
		"a folder not open":  {`{"command": "pwd", "cwd": "/etc"}`, command.Output{}, executors.PermissionDenied, "/etc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := try(context.Background(), t, pol, c.inputs)
			if c.err == "" && err != nil || c.err != "" && (err == nil || err.Type != c.err || !strings.Contains(err.Message, c.says)) {
				t.Fatalf("got error %+v, want %q with %q", err, c.err, c.says)
			}
			if out == nil {
				out = &command.Output{}
			} else if out.DurationMS <= 0 {
				t.Error("no duration")
			}
			out.DurationMS = 0
			if !reflect.DeepEqual(*out, c.want) {
				t.Errorf("got  %+v\nwant %+v", *out, c.want)
			}
		})
	}
}

func TestExitCodeIsTheErrorCode(t *testing.T) {
	t.Parallel()
	_, err := try(context.Background(), t, allowing(t, policy.Config{}, "sh"), `{"command": ["sh", "-c", "exit 3"]}`)
	if err == nil || err.Code != "3" || !strings.Contains(err.Hint, "expect_exit_codes") {
		t.Errorf("%+v", err)
	}
}

func TestServerSecretsAreNotInherited(t *testing.T) {
	t.Setenv("SOME_API_KEY", "hidden")
	out, err := try(context.Background(), t, allowing(t, policy.Config{}, "env"), `{"command": "env", "env": {"MINE": "yes"}}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"PATH=", "HOME=", "LANG=", "MINE=yes"} {
		if !strings.Contains("\n"+out.Stdout, "\n"+want) {
			t.Errorf("no %s in %s", want, out.Stdout)
		}
	}
	if strings.Contains(out.Stdout, "hidden") {
		t.Error("a variable of the server was inherited")
	}
}

func TestFolders(t *testing.T) {
	t.Parallel()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one/sub", "two"} {
		if err := os.MkdirAll(filepath.Join(base, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	root := func(name string) policy.Root { return policy.Root{Path: filepath.Join(base, name)} }
	one := allowing(t, policy.Config{Files: policy.Files{Roots: map[string]policy.Root{"one": root("one")}}}, "pwd")
	two := allowing(t, policy.Config{Files: policy.Files{Roots: map[string]policy.Root{"one": root("one"), "two": root("two")}}}, "pwd")
	for name, c := range map[string]struct {
		pol  *policy.Policy
		cwd  string
		want string
	}{
		"the only root by default": {one, "", "one"},
		"below it":                 {one, "sub", "one/sub"},
		"by name":                  {two, "one:sub", "one/sub"},
		"absolute":                 {two, filepath.Join(base, "two"), "two"},
	} {
		in := map[string]any{"command": "pwd"}
		if c.cwd != "" {
			in["cwd"] = c.cwd
		}
		out, err := try(context.Background(), t, c.pol, inputs(t, in))
		if err != nil || out.Stdout != filepath.Join(base, c.want)+"\n" {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
	out, failed := try(context.Background(), t, two, `{"command": "pwd"}`)
	if failed != nil {
		t.Fatal(failed)
	}
	if dir := strings.TrimSpace(out.Stdout); !strings.Contains(filepath.Base(dir), "chainwright-empty-") {
		t.Errorf("ran in %s", dir)
	}
	_, failed = try(context.Background(), t, two, `{"command": "pwd", "cwd": "one:none"}`)
	if failed == nil || failed.Type != executors.NotFound || failed.Field != "cwd" {
		t.Errorf("%+v", failed)
	}
}

func TestCloseRemovesTheEmptyFolder(t *testing.T) {
	t.Parallel()
	pol, executor := allowing(t, policy.Config{}, "pwd", "ls"), command.New()
	value, err := executor.Execute(context.Background(), &executors.Call{Inputs: map[string]any{"command": "pwd"}, Policy: pol})
	if err != nil {
		t.Fatal(err)
	}
	dir := strings.TrimSpace(value.(*command.Output).Stdout)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o500 {
		t.Errorf("%s: %v, %v", dir, info, err)
	}
	if err := executor.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s still exists", dir)
	}
	if err := command.New().Close(); err != nil {
		t.Errorf("close without a folder: %v", err)
	}
}

func TestShellWhenAllowed(t *testing.T) {
	t.Parallel()
	pol := allowing(t, policy.Config{Command: policy.Command{Shell: true}})
	out, err := try(context.Background(), t, pol, `{"command": "X=shell; echo $X | tr a-z A-Z"}`)
	if err != nil || out.Stdout != "SHELL\n" {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := try(context.Background(), t, pol, `{"command": ["echo", "a"]}`); err == nil || err.Type != executors.PermissionDenied {
		t.Errorf("an array needs no shell: %v", err)
	}
}

func TestOutputIsLimited(t *testing.T) {
	t.Parallel()
	pol := allowing(t, policy.Config{Limits: policy.Limits{OutputBytes: 1 << 20}}, "sh")
	out, err := try(context.Background(), t, pol, inputs(t, map[string]any{"command": []string{"sh", "-c", "yes ä | head -c 100000001; echo end >&2"}}))
	if err != nil {
		t.Fatal(err)
	}
	if !out.Truncated || len(out.Stdout) > 1<<20 || len(out.Stdout) < 1<<20-4 || out.Stderr != "end\n" || !utf8.ValidString(out.Stdout) || strings.Contains(out.Stdout, "\uFFFD") {
		t.Errorf("%d bytes, truncated %v, stderr %q", len(out.Stdout), out.Truncated, out.Stderr)
	}
}

func TestTimeoutAndCancelKeepTheOutput(t *testing.T) {
	t.Parallel()
	pol := allowing(t, policy.Config{}, "sh")
	up := filepath.Join(t.TempDir(), "up")
	inputs := `{"command": ["sh", "-c", "echo partial; touch $0; sleep 3600 & sleep 3600", "` + up + `"]}`
	ctx, expire := executortest.Overdue(t.Context())
	go func() {
		waitFor(t, up)
		expire()
	}()
	out, err := try(ctx, t, pol, inputs)
	if err == nil || err.Type != executors.TimeoutError || out == nil || out.Stdout != "partial\n" || out.Success {
		t.Errorf("%+v, %+v", out, err)
	}
	canceled, stop := context.WithCancel(context.Background())
	defer stop()
	up = filepath.Join(t.TempDir(), "up")
	go func() {
		waitFor(t, up)
		stop()
	}()
	inputs = `{"command": ["sh", "-c", "echo partial; touch $0; sleep 3600 & sleep 3600", "` + up + `"]}`
	out, err = try(canceled, t, pol, inputs)
	if err == nil || err.Type != executors.Cancelled || out == nil || out.Stdout != "partial\n" {
		t.Errorf("%+v, %+v", out, err)
	}
	if _, err := try(canceled, t, pol, inputs); err == nil || err.Type != executors.Cancelled {
		t.Errorf("cancelled before the start: %+v", err)
	}
}

// waitFor waits for files that other processes create. There is no signal for it.
func waitFor(t *testing.T, files ...string) {
	deadline := time.Now().Add(executortest.Patience)
	for _, file := range files {
		for {
			if _, err := os.Stat(file); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Errorf("%s was not created", file)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// 64 parallel commands that ignore the request to stop are cancelled.
func TestCancelOfManyLeavesNoProcess(t *testing.T) {
	t.Parallel()
	pol := allowing(t, policy.Config{}, "sh")
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	script := `trap '' TERM; (trap '' TERM; sleep 61) & echo $! > "$0.pid"; mv "$0.pid" "$0"; wait`
	var calls sync.WaitGroup
	var files []string
	for i := range 64 {
		name := filepath.Join(dir, strconv.Itoa(i))
		files = append(files, name)
		calls.Go(func() {
			_, err := try(ctx, t, pol, inputs(t, map[string]any{"command": []string{"sh", "-c", script, name}}))
			if err == nil || err.Type != executors.Cancelled {
				t.Errorf("%+v", err)
			}
		})
	}
	waitFor(t, files...)
	cancel()
	calls.Wait()
	if out, err := exec.Command("ps", "-eo", "stat,args").Output(); err == nil {
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, dir) && !strings.HasPrefix(line, "Z") {
				t.Errorf("left behind: %s", line)
			}
		}
	}
}

func TestDefinition(t *testing.T) { executortest.Check(t, command.New()) }

// Through the registry: the output fits its schema, also with an error; the
// registry's timeout ends the program; a secret is resolved and redacted.
func TestThroughTheRegistry(t *testing.T) {
	t.Setenv("DOOR_TOKEN", "t0p-secret-value")
	pol := allowing(t, policy.Config{Secrets: map[string]policy.Secret{"TOKEN": {Env: "DOOR_TOKEN", Executors: []string{"command_executor"}}}}, "sh", "sleep")
	out := executortest.Run(t, command.New(), `{"command": ["sh", "-c", "echo out; exit 3"]}`, pol)
	if out.Err == nil || out.Err.Code != "3" || !strings.Contains(string(out.Result), `"stdout":"out\n"`) || !strings.Contains(string(out.Result), `"return_code":3`) {
		t.Errorf("%s, %+v", out.Result, out.Err)
	}
	out = executortest.Run(t, command.New(), `{"command": "sleep 60", "timeout": 0.2}`, pol)
	if out.Err == nil || out.Err.Type != executors.TimeoutError || !strings.Contains(string(out.Result), `"success":false`) {
		t.Errorf("%s, %+v", out.Result, out.Err)
	}
	out = executortest.Run(t, command.New(), `{"command": ["sh", "-c", "echo got $KEY; [ $KEY = t0p-secret-value ]"], "env": {"KEY": "${{ secrets.TOKEN }}"}}`, pol)
	if out.Err != nil || strings.Contains(string(out.Result), "t0p-secret") || !strings.Contains(string(out.Result), "got [secret]") {
		t.Errorf("%s, %+v", out.Result, out.Err)
	}
	out = executortest.Run(t, command.New(), `{"command": "sleep 60"}`, nil)
	if out.Err == nil || out.Err.Type != executors.PermissionDenied || !strings.Contains(out.Err.Hint, "policy.command.programs") {
		t.Errorf("closed: %+v", out.Err)
	}
}

func TestRemovedProgram(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(path, []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	pol, err := policy.New(policy.Config{Command: policy.Command{Programs: []policy.Program{{Path: path}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer pol.Close()
	_, failed := try(context.Background(), t, pol, `{"command": "tool"}`)
	if failed == nil || failed.Type != executors.ExecutionError || !errors.Is(failed, os.ErrNotExist) {
		t.Errorf("%+v", failed)
	}
}
