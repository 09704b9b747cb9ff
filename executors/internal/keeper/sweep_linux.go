package keeper

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Sweep kills the processes whose environment has a mark, also those that left
// their process group.
func Sweep(mark string) {
	sweep(func(variable []byte) bool { return string(variable) == mark })
}

// SweepAll kills the processes of all marks of a server.
func SweepAll(base string) {
	prefix := []byte(base)
	sweep(func(variable []byte) bool { return bytes.HasPrefix(variable, prefix) })
}

// sweep does so in several rounds, because the processes may start others in the
// meantime.
func sweep(wanted func(variable []byte) bool) {
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
			if err == nil && has(environ, wanted) && syscall.Kill(pid, syscall.SIGKILL) == nil {
				found = true
			}
		}
		if !found {
			return
		}
	}
}

func has(environ []byte, wanted func(variable []byte) bool) bool {
	for variable := range bytes.SplitSeq(environ, []byte{0}) {
		if wanted(variable) {
			return true
		}
	}
	return false
}
