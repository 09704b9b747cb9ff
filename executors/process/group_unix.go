//go:build unix

package process

import (
	"os"
	"os/exec"
	"syscall"
)

// group is a program with what it started, as a process group of its own.
type group struct{ id int }

func startGroup(cmd *exec.Cmd) (*group, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &group{id: cmd.Process.Pid}, nil
}

// The group's number is its first process's, so it is free to be another's
// only when that one was waited for and the group is empty. A group that is
// gone is no error.
func (g *group) terminate() { _ = syscall.Kill(-g.id, syscall.SIGTERM) }
func (g *group) kill()      { _ = syscall.Kill(-g.id, syscall.SIGKILL) }
func (g *group) release()   {}

// exitCode is the signal's number below zero for a program that was killed.
func exitCode(state *os.ProcessState) int {
	if state == nil {
		return -1
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return -int(status.Signal())
	}
	return state.ExitCode()
}
