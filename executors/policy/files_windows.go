package policy

import (
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/windows"
)

// openFlags: opening does not wait on Windows, and os.Root refuses the names
// of devices.
const openFlags = 0

// linkCount is not part of what Windows gives with a file's information:
// onDisk asks for it.
func linkCount(fs.FileInfo) uint64 { return 1 }

// onDisk refuses files with further hard links.
func onDisk(path string, f *os.File) error {
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info); err != nil {
		return fmt.Errorf("look at %q: %w", path, err)
	}
	if info.NumberOfLinks > 1 {
		return &Denied{Message: fmt.Sprintf("%q is not allowed: it is a file with several hard links, of which some may be outside", path)}
	}
	return nil
}

// plainName refuses alternate data streams ("file.txt:hidden").
func plainName(rel string) bool { return !strings.Contains(rel, ":") }

func kernelPath(path string) bool {
	return strings.HasPrefix(path, `\\.\`) || strings.HasPrefix(path, `\\?\`)
}

// syncDir does nothing: folders can't be synced on Windows, and NTFS writes
// names ahead in its journal.
func syncDir(*os.Root, string) error { return nil }
