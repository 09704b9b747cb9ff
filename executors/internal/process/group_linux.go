package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// waitExit waits until the program has ended, but does not reap it: its process
// id stays taken, so that killing the group can't hit other processes.
func (g *group) waitExit() bool {
	for {
		err := unix.Waitid(unix.P_PID, g.id, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err == nil
		}
	}
}

// sweep kills the processes of a run that left its group. It finds them by the
// mark in their environment, in several rounds, because they may start others
// in the meantime.
func sweep(mark string) {
	wanted := []byte(mark)
	for range 10 {
		found := false
		entries, err := os.ReadDir("/proc")
		if err != nil {
			return
		}
		for _, entry := range entries {
			pid, err := strconv.Atoi(entry.Name())
			if err != nil || pid == os.Getpid() {
				continue
			}
			environ, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
			if err == nil && hasVariable(environ, wanted) && syscall.Kill(pid, syscall.SIGKILL) == nil {
				found = true
			}
		}
		if !found {
			return
		}
	}
}

func hasVariable(environ, wanted []byte) bool {
	for variable := range bytes.SplitSeq(environ, []byte{0}) {
		if bytes.Equal(variable, wanted) {
			return true
		}
	}
	return false
}
