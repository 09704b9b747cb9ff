package policy

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// onDisk refuses files of the trees in which the kernel shows itself: they
// look regular, and no path tells when one is mounted elsewhere.
func onDisk(path string, f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return fmt.Errorf("look at %q: %w", path, err)
	}
	var stat unix.Statfs_t
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = unix.Fstatfs(int(fd), &stat) }); err != nil {
		return fmt.Errorf("look at %q: %w", path, err)
	}
	if failed != nil {
		return fmt.Errorf("look at the file system of %q: %w", path, failed)
	}
	switch uint32(stat.Type) { // the magic numbers are 32 bits wide
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.CGROUP_SUPER_MAGIC,
		unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC, unix.BPF_FS_MAGIC:
		return &Denied{Message: fmt.Sprintf("%q is not allowed: it shows the system itself, not a file", path)}
	}
	return nil
}
