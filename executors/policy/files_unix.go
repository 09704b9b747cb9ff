//go:build unix

package policy

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

func linkCount(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Nlink) //nolint:unconvert // narrower on some systems
	}
	return 1
}

// plainName allows every name, because no character is special on Unix.
func plainName(string) bool { return true }

// kernelPath reports whether a path is on a file system of the kernel.
func kernelPath(path string) bool {
	if strings.HasPrefix(path, "/dev/shm/") {
		return false
	}
	for _, tree := range []string{"/proc", "/sys", "/dev"} {
		if path == tree || strings.HasPrefix(path, tree+"/") {
			return true
		}
	}
	return false
}

// syncDir flushes a folder to the disk, so that a new name survives a crash.
func syncDir(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return fmt.Errorf("open the folder to flush it to the disk: %w", cause(err))
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("flush the folder to the disk: %w", cause(err))
	}
	return nil
}
