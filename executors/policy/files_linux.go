package policy

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// onDisk refuses files of /proc, /sys and similar file systems. They look like
// regular files, and the file systems may be mounted at any path.
func onDisk(path string, f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return fmt.Errorf("check %q: %w", path, err)
	}
	var stat unix.Statfs_t
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = unix.Fstatfs(int(fd), &stat) }); err != nil {
		return fmt.Errorf("check %q: %w", path, err)
	}
	if failed != nil {
		return fmt.Errorf("check the file system of %q: %w", path, failed)
	}
	switch uint32(stat.Type) { // the magic numbers have 32 bits
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.CGROUP_SUPER_MAGIC,
		unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC, unix.BPF_FS_MAGIC:
		return &Denied{Message: fmt.Sprintf("%q is not allowed: it is on a file system of the kernel", path)}
	}
	return nil
}
