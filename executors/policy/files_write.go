package policy

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteMode is what writing does to a file that is there.
type WriteMode string

// The modes of writing.
const (
	Create    WriteMode = "create"    // refuse if the file exists
	Overwrite WriteMode = "overwrite" // replace it
	Append    WriteMode = "append"    // add to its end
)

// FileWriter takes the content of one file. Exactly one of Commit and Abort
// ends it; Abort after Commit does nothing, so that it can be deferred.
//
// Create and Overwrite write into a temporary file in the same folder, and
// put it in its place at Commit: readers see the old content or the whole
// new one, also after a crash. Append writes straight to the file.
type FileWriter struct {
	file *os.File
	at   located
	path string // as the caller gave it
	mode WriteMode
	temp string // the temporary file below the root; empty for Append
	size int64  // the length before an Append, restored by Abort
	made bool   // an Append made the file, so Abort removes it
	done bool
}

// OpenWrite starts writing a file inside a root that may be written. Folders
// that are missing are made.
func (p *Policy) OpenWrite(path string, mode WriteMode) (*FileWriter, error) {
	l, err := p.locate(path, true)
	if err != nil {
		return nil, err
	}
	if l.rel == "." {
		return nil, &Denied{Message: fmt.Sprintf("%q is not allowed: it is a folder", path)}
	}
	w := &FileWriter{at: l, path: path, mode: mode}
	perm, err := w.inspect()
	if err != nil {
		return nil, err
	}
	if err := l.root.dir.MkdirAll(filepath.Dir(l.rel), 0o777); err != nil {
		return nil, describe(path, err)
	}
	if mode == Append {
		return w, w.openAppend()
	}
	w.temp = filepath.Join(filepath.Dir(l.rel), ".chainwright-"+rand.Text())
	w.file, err = l.root.dir.OpenFile(w.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, describe(path, err)
	}
	return w, nil
}

// inspect looks at what is there, and returns the permissions of the file to
// be made: those of the one that it replaces.
func (w *FileWriter) inspect() (fs.FileMode, error) {
	info, err := w.at.root.dir.Lstat(w.at.rel)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0o666, nil
	case err != nil:
		return 0, describe(w.path, err)
	case w.mode == Create:
		return 0, fmt.Errorf("create %q: %w", w.path, fs.ErrExist)
	}
	return info.Mode().Perm(), ordinary(w.path, info)
}

func (w *FileWriter) openAppend() error {
	f, _, err := openChecked(w.at, w.path, os.O_WRONLY|os.O_APPEND)
	if errors.Is(err, fs.ErrNotExist) {
		w.made = true
		f, err = w.at.root.dir.OpenFile(w.at.rel, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL|openFlags, 0o666)
	}
	if err != nil {
		return describeOnce(w.path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(describe(w.path, err), f.Close())
	}
	w.file, w.size = f, info.Size()
	return nil
}

func describeOnce(path string, err error) error {
	var denied *Denied
	if errors.As(err, &denied) {
		return err
	}
	return describe(path, err)
}

// Write takes the next bytes.
func (w *FileWriter) Write(b []byte) (int, error) {
	n, err := w.file.Write(b)
	if err != nil {
		return n, fmt.Errorf("write %q: %w", w.path, cause(err))
	}
	return n, nil
}

// Path is the file's absolute path.
func (w *FileWriter) Path() string { return w.at.absolute() }

// Commit makes the content durable and puts it in its place.
func (w *FileWriter) Commit() error {
	if err := w.file.Sync(); err != nil {
		w.Abort()
		return fmt.Errorf("write %q to the disk: %w", w.path, cause(err))
	}
	if w.mode == Append {
		w.done = true
		if err := w.file.Close(); err != nil {
			return fmt.Errorf("close %q: %w", w.path, cause(err))
		}
		if w.made {
			return syncDir(w.at.root.dir, filepath.Dir(w.at.rel))
		}
		return nil
	}
	err := w.file.Close()
	if err == nil {
		err = w.place()
	}
	if err != nil {
		w.Abort()
		return err
	}
	w.done = true
	return syncDir(w.at.root.dir, filepath.Dir(w.at.rel))
}

// place gives the temporary file its name. Looked at again just before, as
// something else may have come there since.
func (w *FileWriter) place() error {
	if _, err := w.inspect(); err != nil {
		return err
	}
	dir := w.at.root.dir
	if w.mode == Create {
		// A link fails where the name is taken, a rename would not.
		err := dir.Link(w.temp, w.at.rel)
		if err == nil {
			return dir.Remove(w.temp)
		}
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("create %q: %w", w.path, fs.ErrExist)
		}
		// No hard links on this file system: take the name first.
		f, err := dir.OpenFile(w.at.rel, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return describe(w.path, err)
		}
		if err := f.Close(); err != nil {
			return describe(w.path, err)
		}
	}
	if err := dir.Rename(w.temp, w.at.rel); err != nil {
		return describe(w.path, err)
	}
	return nil
}

// Abort throws the content away; what was there before stays.
func (w *FileWriter) Abort() {
	if w.done {
		return
	}
	w.done = true
	if w.mode == Append {
		_ = w.file.Truncate(w.size)
	}
	_ = w.file.Close()
	if w.made {
		_ = w.at.root.dir.Remove(w.at.rel)
	}
	if w.temp != "" {
		_ = w.at.root.dir.Remove(w.temp)
	}
}

// WriteFile writes a whole file and returns its absolute path.
func (p *Policy) WriteFile(path string, data []byte, mode WriteMode) (string, error) {
	w, err := p.OpenWrite(path, mode)
	if err != nil {
		return "", err
	}
	defer w.Abort()
	if _, err := w.Write(data); err != nil {
		return "", err
	}
	if err := w.Commit(); err != nil {
		return "", err
	}
	return w.Path(), nil
}

var _ io.Writer = (*FileWriter)(nil)
