//go:build unix

package cli

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// pollable returns a pipe or a socket such that a read or a write that waits
// leaves its thread to other goroutines. Other files are returned as they are:
// a terminal's mode is that of everybody who uses the terminal. done gives the
// pipe its mode back, for who reads or writes it next.
func pollable(file *os.File) (same *os.File, done func()) {
	none := func() {}
	info, err := file.Stat()
	if err != nil || info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) == 0 {
		return file, none
	}
	conn, err := file.SyscallConn()
	if err != nil {
		return file, none
	}
	own := -1
	if conn.Control(func(fd uintptr) { own, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }) != nil || err != nil {
		return file, none
	}
	flags, err := unix.FcntlInt(uintptr(own), unix.F_GETFL, 0)
	if err != nil || unix.SetNonblock(own, true) != nil {
		_ = unix.Close(own)
		return file, none
	}
	same = os.NewFile(uintptr(own), file.Name())
	return same, func() {
		if flags&unix.O_NONBLOCK == 0 {
			_ = conn.Control(func(fd uintptr) { _ = unix.SetNonblock(int(fd), false) })
		}
	}
}
