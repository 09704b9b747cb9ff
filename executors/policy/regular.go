package policy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// OpenRegular opens the regular file that path leads to for reading. Everything
// else that can have a file's name is refused before it is opened: a pipe would
// block the program, and opening a device can have effects. It never blocks.
// Errors have no path; the caller adds the name that the user knows.
func OpenRegular(path string) (*os.File, error) { return openRegular(path, os.Stat) }

// OpenRegularNoLink is OpenRegular for a file that was only found. It refuses a
// link at the path.
func OpenRegularNoLink(path string) (*os.File, error) { return openRegular(path, os.Lstat) }

// ReadRegular returns the content of the regular file that path leads to. A file
// with more than limit bytes is an error.
func ReadRegular(path string, limit int64) ([]byte, error) {
	file, err := OpenRegular(path)
	if err != nil {
		return nil, err
	}
	return ReadAllRegular(file, limit)
}

// ReadAllRegular returns the content of an open file and closes it.
func ReadAllRegular(file *os.File, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	err = errors.Join(withoutPath(err), file.Close())
	switch {
	case err != nil:
		return nil, err
	case int64(len(data)) > limit:
		return nil, fmt.Errorf("larger than %d MiB", limit>>20)
	}
	return data, nil
}

// openRegular checks the file before it opens it and after, because the name may
// lead to another file by then.
func openRegular(path string, stat func(string) (fs.FileInfo, error)) (*os.File, error) {
	before, err := stat(path)
	if err == nil {
		err = checkRegular(before)
	}
	if err != nil {
		return nil, withoutPath(err)
	}
	file, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, withoutPath(err)
	}
	after, err := file.Stat()
	switch {
	case err != nil:
	case !os.SameFile(before, after):
		err = errors.New("was replaced while it was opened; try again")
	default:
		err = checkRegular(after)
	}
	if err != nil {
		return nil, errors.Join(withoutPath(err), file.Close())
	}
	return file, nil
}

// checkRegular returns an error that says what a file is unless it is regular.
func checkRegular(info fs.FileInfo) error {
	if what := kindOf(info); what != "" {
		return fmt.Errorf("is %s; it must be a regular file", what)
	}
	return nil
}

// kindOf says in words what a file is that is not regular; "" for a regular file.
func kindOf(info fs.FileInfo) string {
	mode := info.Mode()
	switch {
	case mode.IsRegular():
		return ""
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode&fs.ModeSymlink != 0:
		return "a link"
	default:
		return "not a regular file"
	}
}

// withoutPath removes the path from an error of the file system.
func withoutPath(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("%s: %w", path.Op, path.Err)
	}
	return err
}
