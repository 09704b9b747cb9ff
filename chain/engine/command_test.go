//go:build linux

package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/internal/enginetest"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/command"
	"github.com/chainwright/chainwright/executors/policy"
)

// commandBench returns an engine whose only executor starts real programs.
func commandBench(t testing.TB, s store.Store, programs ...string) *bench {
	t.Helper()
	var cfg policy.Config
	for _, name := range programs {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("there is no %s here", name)
		}
		if path, err = filepath.EvalSymlinks(path); err != nil {
			t.Fatal(err)
		}
		cfg.Command.Programs = append(cfg.Command.Programs, policy.Program{Name: name, Path: path})
	}
	pol, err := policy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	reg, err := executors.NewRegistry(pol, zerolog.Nop(), command.New())
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{store: s, Bench: &enginetest.Bench{Registry: reg, Engine: engine.New(engine.Options{Registry: reg, Store: s})}}
	t.Cleanup(func() {
		for _, closing := range []func() error{func() error { return b.Close(context.Background()) }, s.Close, reg.Close, pol.Close} {
			if err := closing(); err != nil {
				t.Error(err)
			}
		}
	})
	return b
}

// processes returns the number of processes whose command line contains a mark.
func processes(t testing.TB, mark string) (n int) {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if line, err := os.ReadFile(filepath.Join(dir, "cmdline")); err == nil && bytes.Contains(line, []byte(mark)) {
			n++
		}
	}
	return n
}

// If a run is cancelled while 64 commands run, no process is left.
func TestCancelLeavesNoProcess(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := commandBench(t, open(t), "sleep")
			mark := fmt.Sprintf("3333.%d%03d", os.Getpid(), name[0])
			run, err := b.Start(t.Context(), b.Tree(t, fmt.Sprintf(
				`[{"name":"many","schemas":{"method":"command_executor"},"for_each":"${{ [range(100)] }}","timeout":120,"inputs":{"command":["sleep","%s"]}}]`, mark)),
				chain.RunOptions{MaxParallel: 64})
			if err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(time.Minute); processes(t, mark) < 64; {
				if time.Now().After(deadline) {
					t.Fatalf("%d processes are running", processes(t, mark))
				}
				time.Sleep(10 * time.Millisecond) // other processes give no signal
			}
			v, err := b.Cancel(t.Context(), run.ID, "", "")
			if err != nil || v.Status != chain.Cancelled || len(v.Warnings) > 0 {
				t.Errorf("the run is %+v, %v", v, err)
			}
			if n := processes(t, mark); n > 0 {
				t.Errorf("%d processes are left", n)
			}
		})
	}
}

// BenchmarkProcesses compares a run of 1,000 programs that do nothing with a
// bare pool of 64 that starts them as a careful program does. The two alternate,
// so that other work on the machine affects both. The metrics in ms of CPU count
// the programs and the keeper too.
func BenchmarkProcesses(b *testing.B) {
	path, err := exec.LookPath("true")
	if err != nil {
		b.Skip(err)
	}
	asTheProgram(b)
	for name, open := range stores {
		b.Run(name, func(b *testing.B) {
			t := commandBench(b, open(b), "true")
			var text strings.Builder
			for i := range 1000 {
				fmt.Fprintf(&text, `%s{"id":"t%d","schemas":{"method":"command_executor"},"inputs":{"command":["true"]}}`, sep(i), i)
			}
			tree := t.Tree(b, "["+text.String()+"]")
			var bare, ours spent
			for b.Loop() {
				bare.add(b, func() { pool(b, path, 1000) })
				ours.add(b, func() {
					run, err := t.Start(b.Context(), tree, chain.RunOptions{})
					if err != nil {
						b.Fatal(err)
					}
					if v, err := t.Wait(b.Context(), run.ID, ""); err != nil || v.Status != chain.Completed {
						b.Fatal(v, err)
					}
				})
			}
			n := float64(b.N) * 1000
			b.ReportMetric(float64(bare.wall.Microseconds())/n, "µs/bare")
			b.ReportMetric(float64(ours.wall.Microseconds())/n, "µs/task")
			b.ReportMetric(float64(ours.wall)/float64(bare.wall), "x/bare")
			b.ReportMetric(float64(bare.cpu.Microseconds())/n, "cpu-µs/bare")
			b.ReportMetric(float64(ours.cpu.Microseconds())/n, "cpu-µs/task")
			b.ReportMetric(float64(ours.cpu)/float64(bare.cpu), "x/cpu")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// spent is the time and the CPU time that something takes.
type spent struct{ wall, cpu time.Duration }

func (s *spent) add(b *testing.B, do func()) {
	begin, cpu := time.Now(), cpuTime(b)
	do()
	s.wall += time.Since(begin)
	s.cpu += cpuTime(b) - cpu
}

// cpuTime returns the CPU time of this process and of its children, those that
// run included.
func cpuTime(b *testing.B) (total time.Duration) {
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var usage unix.Rusage
		if err := unix.Getrusage(who, &usage); err != nil {
			b.Fatal(err)
		}
		total += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		b.Fatal(err)
	}
	for _, list := range lists {
		children, _ := os.ReadFile(list) // the thread may have ended
		for child := range strings.FieldsSeq(string(children)) {
			files, _ := filepath.Glob("/proc/" + child + "/task/*/schedstat")
			for _, file := range files {
				var ran time.Duration
				if text, err := os.ReadFile(file); err == nil {
					_, _ = fmt.Sscan(string(text), &ran)
					total += ran
				}
			}
		}
	}
	return total
}

// pool runs a program n times, 64 at a time, as careful programs do: in a
// process group of its own, with a time-out that kills the group, and with both
// outputs kept apart.
func pool(b *testing.B, path string, n int) {
	left := make(chan struct{}, n)
	for range n {
		left <- struct{}{}
	}
	close(left)
	var workers sync.WaitGroup
	for range 64 {
		workers.Go(func() {
			for range left {
				if err := runBare(b.Context(), path); err != nil {
					b.Error(err)
				}
			}
		})
	}
	workers.Wait()
}

func runBare(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd.Run()
}
