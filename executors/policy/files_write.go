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

// WriteMode says what to do with an existing file.
type WriteMode string

// The modes of writing.
const (
	Create    WriteMode = "create"    // refuse if the file exists
	Overwrite WriteMode = "overwrite" // replace it
	Append    WriteMode = "append"    // add to its end
)

// FileWriter writes one file. Commit or Abort ends it; Abort after Commit does
// nothing, so that it can be deferred.
//
// Create and Overwrite write to a temporary file in the same folder, which
// Commit renames: readers see the old content or the complete new one, even
// after a crash. Append writes directly to the file.
type FileWriter struct {
	file *os.File
	at   located
	dir  *os.Root // the folder of the file, as it was opened and checked
	name string   // of the file in it
	path string   // the caller's
	mode WriteMode
	temp string // the temporary file inside the root; empty for Append
	size int64  // the length before Append, which Abort restores
	made bool   // Append created the file, and Abort removes it
	done bool
}

// OpenWrite starts to write a file inside a writable root. It creates missing
// folders.
func (p *Policy) OpenWrite(path string, mode WriteMode) (*FileWriter, error) {
	l, err := p.locate(path, true)
	if err != nil {
		return nil, err
	}
	if l.rel == "." {
		return nil, &Denied{Message: fmt.Sprintf("%q is not allowed: it is a folder", path)}
	}
	w := &FileWriter{at: l, path: path, mode: mode, name: filepath.Base(l.rel)}
	if w.dir, err = p.folderToWrite(l, path); err != nil {
		return nil, err
	}
	if err := w.open(p); err != nil {
		return nil, errors.Join(err, w.dir.Close())
	}
	return w, nil
}

func (w *FileWriter) open(p *Policy) error {
	if p.isProtected(w.dir, w.name) {
		return &Denied{
			Message: fmt.Sprintf("writing %q is not allowed: it is the server's configuration", w.path),
			Hint:    "only the operator changes it, and approves it with `chainwright doctor --approve`",
		}
	}
	perm, err := w.inspect()
	if err != nil {
		return err
	}
	if w.mode == Append {
		return w.openAppend()
	}
	w.temp = ".chainwright-" + rand.Text()
	if w.file, err = w.dir.OpenFile(w.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm); err != nil {
		return describe(w.path, err)
	}
	return nil
}

// folderToWrite opens the folder of a file to write, and creates it if it is
// missing. It decides by the folder that was opened: a link in a writable root
// may lead to a read-only root inside it.
func (p *Policy) folderToWrite(l located, path string) (*os.Root, error) {
	rel := filepath.Dir(l.rel)
	dir, err := p.openFolder(l.root, rel, path)
	if !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	above := rel
	for errors.Is(err, fs.ErrNotExist) && above != "." {
		above = filepath.Dir(above)
		if dir, err = p.openFolder(l.root, above, path); err == nil {
			err = dir.Close()
		}
	}
	if err != nil {
		return nil, err
	}
	if err := l.root.dir.MkdirAll(rel, 0o777); err != nil {
		return nil, describe(path, err)
	}
	return p.openFolder(l.root, rel, path)
}

// openFolder opens a folder in a root for writing, and checks that the innermost
// root around it is writable.
func (p *Policy) openFolder(r *root, rel, path string) (*os.Root, error) {
	dir, err := r.dir.OpenRoot(rel)
	if err != nil {
		return nil, describe(path, err)
	}
	if err := p.checkFolder(dir, filepath.Join(r.real, rel), path); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

func (p *Policy) checkFolder(dir *os.Root, folder, path string) error {
	opened, err := dir.Stat(".")
	if err != nil {
		return describe(path, err)
	}
	real, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return describe(path, err)
	}
	if now, err := os.Stat(real); err != nil || !os.SameFile(now, opened) {
		return fmt.Errorf("open %q: its folder was replaced while it was opened; try again", path)
	}
	return p.mayWrite(real, path)
}

// mayWrite returns a *Denied if the innermost root around a folder is read-only.
func (p *Policy) mayWrite(real, path string) error {
	for _, r := range p.rootsOf(real) {
		if !r.write {
			return &Denied{
				Message: fmt.Sprintf("writing %q is not allowed: it is in the root %s, which is read-only", path, r.name),
				Hint:    fmt.Sprintf("to allow it, set policy.files.roots.%s.write: true", r.name),
			}
		}
	}
	return nil
}

// inspect checks the existing file, and returns the permissions for the new one:
// those of the file that it replaces.
func (w *FileWriter) inspect() (fs.FileMode, error) {
	info, err := w.dir.Lstat(w.name)
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
	f, _, err := openChecked(w.dir, w.name, w.path, os.O_WRONLY|os.O_APPEND)
	if errors.Is(err, fs.ErrNotExist) {
		w.made = true
		f, err = w.dir.OpenFile(w.name, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL|openFlags, 0o666)
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

// Write writes the next bytes.
func (w *FileWriter) Write(b []byte) (int, error) {
	n, err := w.file.Write(b)
	if err != nil {
		return n, fmt.Errorf("write %q: %w", w.path, cause(err))
	}
	return n, nil
}

// Path returns the file's absolute path.
func (w *FileWriter) Path() string { return w.at.absolute() }

// Commit flushes the content to the disk and renames the temporary file.
func (w *FileWriter) Commit() error {
	if err := w.commit(); err != nil {
		w.Abort()
		return err
	}
	w.done = true
	return w.dir.Close()
}

func (w *FileWriter) commit() error {
	if err := w.file.Sync(); err != nil {
		return fmt.Errorf("flush %q to the disk: %w", w.path, cause(err))
	}
	if err := w.file.Close(); err != nil {
		return fmt.Errorf("close %q: %w", w.path, cause(err))
	}
	if w.mode != Append {
		if err := w.place(); err != nil {
			return err
		}
		w.temp = ""
	}
	if w.mode == Append && !w.made {
		return nil
	}
	w.made = false
	return syncDir(w.dir, ".")
}

// place renames the temporary file. It checks the target again, because another
// file may have been created there in the meantime.
func (w *FileWriter) place() error {
	if _, err := w.inspect(); err != nil {
		return err
	}
	dir := w.dir
	if w.mode == Create {
		// A link fails if the name is taken; a rename does not.
		err := dir.Link(w.temp, w.name)
		if err == nil {
			return dir.Remove(w.temp)
		}
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("create %q: %w", w.path, fs.ErrExist)
		}
		// This file system has no hard links: create the name first.
		f, err := dir.OpenFile(w.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return describe(w.path, err)
		}
		if err := f.Close(); err != nil {
			return describe(w.path, err)
		}
	}
	if err := dir.Rename(w.temp, w.name); err != nil {
		return describe(w.path, err)
	}
	return nil
}

// Abort discards the content and leaves the file as it was.
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
		_ = w.dir.Remove(w.name)
	}
	if w.temp != "" {
		_ = w.dir.Remove(w.temp)
	}
	_ = w.dir.Close()
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
