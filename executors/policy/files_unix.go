//go:build unix

package policy

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// openFlags keep opening from waiting for a pipe's other end, and from
// taking a terminal.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY

func linkCount(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Nlink) //nolint:unconvert // narrower on some systems
	}
	return 1
}

// plainName refuses nothing here: every character is just a character.
func plainName(string) bool { return true }

// kernelPath reports whether a path is in one of the trees in which the
// system shows itself.
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

// syncDir makes a file's name durable.
func syncDir(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return fmt.Errorf("open the folder to write it to the disk: %w", cause(err))
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write the folder to the disk: %w", cause(err))
	}
	return nil
}
