//go:build unix

package journal

import (
	"os"

	"golang.org/x/sys/unix"
)

// lock keeps others out until the file is closed, also by a crash.
func lock(file *os.File) error { return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) }
