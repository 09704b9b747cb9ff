package policy

import (
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/windows"
)

// linkCount returns 1, because FileInfo has no count on Windows. onDisk checks it.
func linkCount(fs.FileInfo) uint64 { return 1 }

// onDisk refuses files with several hard links.
func onDisk(path string, f *os.File) error {
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info); err != nil {
		return fmt.Errorf("check %q: %w", path, err)
	}
	if info.NumberOfLinks > 1 {
		return &Denied{Message: fmt.Sprintf("%q is not allowed: it is a file with several hard links, and some may be outside the folder", path)}
	}
	return nil
}

// plainName refuses alternate data streams ("file.txt:hidden").
func plainName(rel string) bool { return !strings.Contains(rel, ":") }

func kernelPath(path string) bool {
	return strings.HasPrefix(path, `\\.\`) || strings.HasPrefix(path, `\\?\`)
}

// syncDir does nothing: folders can't be flushed on Windows, and NTFS keeps names
// in its journal.
func syncDir(*os.Root, string) error { return nil }
