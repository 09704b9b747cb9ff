//go:build unix

package process

import (
	"os"
	"os/exec"
	"syscall"

	"github.com/chainwright/chainwright/executors/internal/keeper"
)

// group is a program and the processes it started, in a process group.
type group struct{ id int }

func startGroup(cmd *exec.Cmd) (*group, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	keeper.Start() // before the program, so that there is no time without one
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	keeper.Watch(cmd.Process.Pid)
	return &group{id: cmd.Process.Pid}, nil
}

// The group's id is that of its first process. It can be reused only after that
// process was reaped and the group is empty. Errors are ignored: the group may
// have ended.
func (g *group) terminate() { _ = syscall.Kill(-g.id, syscall.SIGTERM) }
func (g *group) kill()      { _ = syscall.Kill(-g.id, syscall.SIGKILL) }
func (g *group) forget()    { keeper.Forget(g.id) }
func (g *group) release()   {}

// exitCode returns the exit code, or the negative number of the signal that
// killed the program.
func exitCode(state *os.ProcessState) int {
	if state == nil {
		return -1
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return -int(status.Signal())
	}
	return state.ExitCode()
}
