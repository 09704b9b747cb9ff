package journal

import (
	"os"

	"golang.org/x/sys/windows"
)

// lock keeps others out until the file is closed, also by a crash. The byte
// that is locked is far behind the end.
func lock(file *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return windows.LockFileEx(windows.Handle(file.Fd()), flags, 0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30})
}
