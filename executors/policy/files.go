package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// OpenRead opens a regular file inside a root for reading. It follows links
// inside the root only. It refuses pipes, devices and files with several hard
// links, whose other name may be outside, and never blocks on them. The error
// of a missing file wraps fs.ErrNotExist.
func (p *Policy) OpenRead(path string) (*os.File, fs.FileInfo, error) {
	f, info, err := p.OpenKey(path)
	if err != nil {
		return nil, nil, err
	}
	if err := p.notSecret(path, info); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// OpenKey is OpenRead for a key that the call uses and never shows. It may be a
// file that OpenRead refuses because it holds a secret.
func (p *Policy) OpenKey(path string) (*os.File, fs.FileInfo, error) {
	l, err := p.locate(path, false)
	if err != nil {
		return nil, nil, err
	}
	return openChecked(l.root.dir, l.rel, path, os.O_RDONLY)
}

// openChecked opens an existing file and checks it twice: before, because opening
// a device can have effects, and after, because the name may lead to another
// file by then.
func openChecked(dir *os.Root, rel, path string, flag int) (*os.File, fs.FileInfo, error) {
	info, err := dir.Stat(rel)
	if err != nil {
		return nil, nil, describe(path, err)
	}
	if err := ordinary(path, info); err != nil {
		return nil, nil, err
	}
	f, err := dir.OpenFile(rel, flag|openFlags, 0)
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

// ordinary returns a *Denied unless the file is regular and has one name.
func ordinary(path string, info fs.FileInfo) error {
	what := kindOf(info)
	if what == "" && linkCount(info) > 1 {
		what = "a file with several hard links, and some may be outside the folder"
	}
	if what == "" {
		return nil
	}
	return &Denied{Message: fmt.Sprintf("%q is not allowed: it is %s", path, what)}
}

// describe returns an error that names the caller's path. An escape from the root
// becomes a *Denied.
func describe(path string, err error) error {
	reason := cause(err)
	if isEscape(reason) {
		return &Denied{Message: fmt.Sprintf("%q is not allowed: it leads out of the allowed folder", path), Hint: "to allow it, add the folder that it leads to to policy.files.roots"}
	}
	return fmt.Errorf("open %q: %w", path, reason)
}

// isEscape recognizes os.Root's error, which has no exported value.
func isEscape(err error) bool {
	return err != nil && strings.Contains(err.Error(), "path escapes from parent")
}
