package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/internal/process"
)

// self returns a spec that runs this test binary as a helper.
func self(t testing.TB, args ...string) process.Spec {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return process.Spec{Path: path, Args: args, Env: append(os.Environ(), helperVariable+"=1")}
}

func TestExitCodesAndOutputs(t *testing.T) {
	t.Parallel()
	for _, code := range []int{0, 1, 3, 127, 255} {
		r, err := process.Run(context.Background(), self(t, "exit", strconv.Itoa(code)))
		if err != nil || r.Code != code || string(r.Stdout.Bytes) != "out" || string(r.Stderr.Bytes) != "err" || r.Duration <= 0 {
			t.Errorf("%d: %+v, %v", code, r, err)
		}
	}
}

func TestStandardInput(t *testing.T) {
	t.Parallel()
	spec := self(t, "cat")
	spec.Stdin = strings.Repeat("line\n", 100_000)
	r, err := process.Run(context.Background(), spec)
	if err != nil || string(r.Stdout.Bytes) != spec.Stdin {
		t.Errorf("%d bytes came back, %v", len(r.Stdout.Bytes), err)
	}
	spec = self(t, "closed")
	spec.Stdin = strings.Repeat("x", 10<<20)
	if r, err := process.Run(context.Background(), spec); err != nil || r.Code != 0 {
		t.Errorf("a program that does not read its input: %+v, %v", r, err)
	}
	if r, err := process.Run(context.Background(), self(t, "cat")); err != nil || len(r.Stdout.Bytes) != 0 {
		t.Errorf("no input: %+v, %v", r, err)
	}
}

func TestOnlyTheGivenEnvironment(t *testing.T) {
	t.Parallel()
	spec := self(t, "env")
	spec.Env = []string{helperVariable + "=1", "A=b"}
	if runtime.GOOS == "windows" {
		spec.Env = append(spec.Env, "SYSTEMROOT="+os.Getenv("SYSTEMROOT"))
	}
	r, err := process.Run(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(r.Stdout.Bytes), "\n")
	if len(lines) != len(spec.Env)+1 || lines[1] != "A=b" {
		t.Errorf("%q", lines)
	}
}

func TestALotOfOutputIsDrained(t *testing.T) {
	t.Parallel()
	spec := self(t, "print", "100")
	var seen int
	spec.Cap, spec.Stderr = 1<<20, func(b []byte) { seen += len(b) }
	r, err := process.Run(context.Background(), spec)
	if err != nil || r.Code != 0 {
		t.Fatalf("code %d, %v", r.Code, err)
	}
	for name, out := range map[string]process.Output{"stdout": r.Stdout, "stderr": r.Stderr} {
		if len(out.Bytes) != 1<<20 || !out.Truncated || cap(out.Bytes) > 1<<20 {
			t.Errorf("%s: %d bytes of %d, truncated %v", name, len(out.Bytes), cap(out.Bytes), out.Truncated)
		}
	}
	if seen != 100<<20 {
		t.Errorf("%d bytes were seen", seen)
	}
	spec.Args, spec.Stderr = []string{"print", "1"}, nil
	if r, err := process.Run(context.Background(), spec); err != nil || r.Stdout.Truncated || len(r.Stdout.Bytes) != 1<<20 {
		t.Errorf("exactly the cap: %d bytes, truncated %v, %v", len(r.Stdout.Bytes), r.Stdout.Truncated, err)
	}
}

func TestWhatCanNotBeStarted(t *testing.T) {
	t.Parallel()
	for _, spec := range []process.Spec{
		{Path: filepath.Join(t.TempDir(), "none")},
		{Path: t.TempDir()},
		{Path: self(t).Path, Dir: filepath.Join(t.TempDir(), "none")},
	} {
		_, err := process.Run(context.Background(), spec)
		var start *process.StartError
		if !errors.As(err, &start) || !strings.Contains(err.Error(), spec.Path) {
			t.Errorf("%s: %v", spec.Path, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := process.Run(ctx, self(t, "exit", "0")); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

func TestAskedBeforeKilled(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("programs can't be asked to stop on Windows")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	spec := self(t, "polite")
	spec.Env = append(spec.Env, "X=1")
	spec.Grace = time.Hour
	file := filepath.Join(t.TempDir(), "out")
	go func() { waitForOutput(t, file); cancel() }()
	spec.Path, spec.Args = "/bin/sh", []string{"-c", `exec 3>&1; "$0" polite | tee "$1" >&3`, self(t).Path, file}
	executortest.Ends(t, "a program that was asked to stop", func() {
		r, err := process.Run(ctx, spec)
		if !errors.Is(err, context.Canceled) || !strings.Contains(string(r.Stdout.Bytes), "ready") {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// waitForOutput waits until a file has content. Another process writes it, so
// there is no other signal.
func waitForOutput(t *testing.T, file string) string {
	deadline := time.Now().Add(executortest.Patience)
	for time.Now().Before(deadline) {
		if data, err := os.ReadFile(file); err == nil && len(data) > 0 {
			return string(data)
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%s stays empty", file)
	return ""
}

func noneAlive(t *testing.T, numbers string) {
	t.Helper()
	for _, number := range strings.Fields(numbers) {
		pid, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(err)
		}
		// A killed process takes a moment to end, and there is no signal for it.
		deadline := time.Now().Add(executortest.Patience)
		for alive(pid) {
			if time.Now().After(deadline) {
				t.Errorf("process %d is still there", pid)
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
}

func TestCancelLeavesNoProcess(t *testing.T) {
	t.Parallel()
	kinds := []string{"group", "group"}
	if runtime.GOOS == "linux" {
		kinds = append(kinds, "session") // found by its mark
	}
	var runs sync.WaitGroup
	for i := range 16 {
		runs.Go(func() {
			file := filepath.Join(t.TempDir(), fmt.Sprint(i))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			spec := self(t, append([]string{"stubborn", file}, kinds...)...)
			spec.Grace = 50 * time.Millisecond
			var numbers string
			told := make(chan struct{})
			go func() { defer close(told); numbers = waitForOutput(t, file); cancel() }()
			r, err := process.Run(ctx, spec)
			<-told
			if !errors.Is(err, context.Canceled) || r.Code == 0 || !strings.Contains(string(r.Stdout.Bytes), "partial output") {
				t.Errorf("%+v, %v", r, err)
			}
			if len(strings.Fields(numbers)) != len(kinds)+1 {
				t.Errorf("the helper started %q", numbers)
			}
			noneAlive(t, numbers)
		})
	}
	runs.Wait()
}

// overdue is a context whose end is that its time is over.
type overdue struct{ context.Context }

func (c overdue) Err() error {
	if c.Context.Err() != nil {
		return context.DeadlineExceeded
	}
	return nil
}

// The time is over when the program has said something.
func TestTimeoutKeepsTheOutput(t *testing.T) {
	t.Parallel()
	ctx, end := context.WithCancel(context.Background())
	defer end()
	spec := self(t, "stubborn", "-")
	spec.Grace = 50 * time.Millisecond
	spec.Stdout = func([]byte) { end() }
	executortest.Ends(t, "a program whose time is over", func() {
		r, err := process.Run(overdue{ctx}, spec)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(string(r.Stdout.Bytes), "partial output") {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestNothingIsLeftAfterTheEnd(t *testing.T) {
	t.Parallel()
	kinds := []string{"group"}
	if runtime.GOOS == "linux" {
		kinds = append(kinds, "session") // holds the output open
	}
	file := filepath.Join(t.TempDir(), "numbers")
	r, err := process.Run(context.Background(), self(t, append([]string{"leave", file}, kinds...)...))
	if err != nil || r.Code != 0 || r.Duration > 20*time.Second {
		t.Errorf("%+v, %v", r, err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	noneAlive(t, string(data))
}

// TestKilledServerLeavesNoProcess: when a server is killed, its programs and the
// processes that these started are killed too.
func TestKilledServerLeavesNoProcess(t *testing.T) {
	t.Parallel()
	kinds := []string{"group", "group"}
	if runtime.GOOS == "linux" {
		kinds = append(kinds, "session")
	}
	var servers sync.WaitGroup
	for i := range 8 {
		servers.Go(func() {
			file := filepath.Join(t.TempDir(), fmt.Sprint(i))
			spec := self(t, append([]string{"server", file}, kinds...)...)
			server := exec.Command(spec.Path, spec.Args...)
			server.Env = spec.Env
			if err := server.Start(); err != nil {
				t.Error(err)
				return
			}
			numbers := waitForOutput(t, file)
			if err := server.Process.Kill(); err != nil {
				t.Error(err)
			}
			_ = server.Wait()
			if len(strings.Fields(numbers)) != len(kinds)+1 {
				t.Errorf("the helper started %q", numbers)
			}
			noneAlive(t, numbers)
		})
	}
	servers.Wait()
}

// closing is the cause of a server that is closed.
type closing struct{ at time.Time }

func (closing) Error() string       { return "closed" }
func (c closing) KillAt() time.Time { return c.at }

// A server that is closed says when a program is killed; its own grace is longer.
func TestKilledWhenTheServerIsClosed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "numbers")
	spec := self(t, "stubborn", file, "group")
	spec.Grace = time.Hour
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	go func() {
		waitForOutput(t, file)
		cancel(fmt.Errorf("stopping: %w", closing{time.Now()}))
	}()
	executortest.Ends(t, "a program of a server that is closed", func() {
		if r, err := process.Run(ctx, spec); err == nil || r.Code == 0 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}
