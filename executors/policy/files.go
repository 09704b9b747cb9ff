package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// OpenRead opens a regular file inside a root for reading. Links are followed
// inside the root only; pipes, devices and files with further hard links
// (whose other name may be outside) are refused, and none of them can make
// the call hang. A missing file's error wraps fs.ErrNotExist.
func (p *Policy) OpenRead(path string) (*os.File, fs.FileInfo, error) {
	l, err := p.locate(path, false)
	if err != nil {
		return nil, nil, err
	}
	return openChecked(l, path, os.O_RDONLY)
}

// openChecked opens a file that must exist, and looks at it twice: before,
// since opening alone can move a tape or wake a device, and after, on the
// open file, since the name may have been given to another one meanwhile.
func openChecked(l located, path string, flag int) (*os.File, fs.FileInfo, error) {
	info, err := l.root.dir.Stat(l.rel)
	if err != nil {
		return nil, nil, describe(path, err)
	}
	if err := ordinary(path, info); err != nil {
		return nil, nil, err
	}
	f, err := l.root.dir.OpenFile(l.rel, flag|openFlags, 0)
	if err != nil {
		return nil, nil, describe(path, err)
	}
	info, err = f.Stat()
	if err == nil {
		err = ordinary(path, info)
	}
	if err == nil {
		err = onDisk(path, f)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// ordinary refuses everything but regular files with one name.
func ordinary(path string, info fs.FileInfo) error {
	mode := info.Mode()
	what := ""
	switch {
	case mode.IsDir():
		what = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		what = "a pipe"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	case mode&fs.ModeSymlink != 0:
		what = "a link"
	case !mode.IsRegular():
		what = "no regular file"
	case linkCount(info) > 1:
		what = "a file with several hard links, of which some may be outside"
	default:
		return nil
	}
	return &Denied{Message: fmt.Sprintf("%q is not allowed: it is %s", path, what)}
}

// describe names the caller's path instead of the one that was tried, and
// turns an escape from the root into a refusal.
func describe(path string, err error) error {
	reason := cause(err)
	if isEscape(reason) {
		return &Denied{Message: fmt.Sprintf("%q is not allowed: it leads out of the open folder", path), Hint: "open the folder that it leads to in policy.files.roots"}
	}
	return fmt.Errorf("open %q: %w", path, reason)
}

// isEscape recognises os.Root's refusal, which has no exported value.
func isEscape(err error) bool {
	return err != nil && strings.Contains(err.Error(), "path escapes from parent")
}
