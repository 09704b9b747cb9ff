package policy

import (
	"os"
	"path/filepath"
)

// Exposed reports whether callers could change what is at a path, by way of an
// open folder that may be written: the path itself, without links, or any of
// the links on the way to it. The name of the folder is given too.
func (p *Policy) Exposed(path string) (root string, exposed bool) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", false
	}
	if l, ok := p.innermost(abs); ok && l.root.write {
		return l.root.name, true
	}
	if l, ok := p.innermost(withoutLinks(abs)); ok && l.root.write {
		return l.root.name, true
	}
	return "", false
}

// withoutLinks follows links as far as the path exists.
func withoutLinks(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	parent := filepath.Dir(path)
	if parent == path || os.IsPathSeparator(path[len(path)-1]) {
		return path
	}
	return filepath.Join(withoutLinks(parent), filepath.Base(path))
}
