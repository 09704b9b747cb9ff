package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// root is one allowed folder. Its files are opened through dir, which does not
// follow links out of it.
type root struct {
	name  string
	path  string // as configured, absolute
	real  string // without links
	write bool
	dir   *os.Root
	info  fs.FileInfo // of the folder
}

// rootName matches names that can't be a Windows drive or a path.
var rootName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]+$`)

func newRoots(configured map[string]Root, bad *problems) []root {
	var roots []root
	for _, name := range sortedKeys(configured) {
		key := "files.roots." + name
		if !rootName.MatchString(name) {
			bad.add(key, "a root's name has at least two letters, digits, hyphens or underscores")
			continue
		}
		path, err := absolute(configured[name].Path)
		if err != nil && configured[name].Path != "" && !filepath.IsAbs(configured[name].Path) {
			bad.add(key+".path", "must be absolute or begin with ~/; got %q. A relative path is read only in a chainwright.yaml that was found in the working folder and is approved", configured[name].Path)
			continue
		}
		if err != nil {
			bad.add(key+".path", "%v", err)
			continue
		}
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			bad.add(key+".path", "%s: %v", path, cause(err))
			continue
		}
		if kernelPath(real) {
			bad.add(key+".path", "%s is on a file system of the kernel", path)
			continue
		}
		dir, err := os.OpenRoot(real)
		if err != nil {
			bad.add(key+".path", "%s: %v", path, cause(err))
			continue
		}
		info, err := dir.Stat(".")
		if err != nil {
			bad.add(key+".path", "%s: %v", path, errors.Join(cause(err), dir.Close()))
			continue
		}
		roots = append(roots, root{name: name, path: path, real: real, write: configured[name].Write, dir: dir, info: info})
	}
	return roots
}

// located is a caller's path as a root and the path inside it.
type located struct {
	root *root
	rel  string
}

// absolute returns the absolute path.
func (l located) absolute() string { return filepath.Join(l.root.path, l.rel) }

// locate finds the root of a caller's path. The path may be an absolute path
// inside a root, name:path with a root's name, or, if there is exactly one root,
// a relative path.
func (p *Policy) locate(path string, write bool) (located, error) {
	if err := checkPath(path); err != nil {
		return located{}, err
	}
	abs, err := p.inSomeRoot(path)
	if err != nil {
		return located{}, err
	}
	l, ok := p.innermost(abs)
	if !ok {
		return located{}, p.refusePath(path)
	}
	if write && !l.root.write {
		return located{}, &Denied{
			Message: fmt.Sprintf("writing %q is not allowed: the root %s is read-only", path, l.root.name),
			Hint:    fmt.Sprintf("to allow it, set policy.files.roots.%s.write: true", l.root.name),
		}
	}
	if write && p.config.ReadOnly {
		return located{}, &Denied{Message: fmt.Sprintf("writing %q is not allowed: the server is read-only", path), Hint: "to allow it, set policy.read_only: false"}
	}
	return l, nil
}

// checkPath refuses paths that can't be inside a root.
func checkPath(path string) error {
	switch {
	case path == "":
		return &Denied{Message: "the path is empty"}
	case len(path) > 4096:
		return &Denied{Message: fmt.Sprintf("the path is too long: %d bytes, at most 4096 are allowed", len(path))}
	case strings.ContainsRune(path, 0):
		return &Denied{Message: "a NUL byte is not allowed in a path"}
	}
	for _, part := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == filepath.Separator || r == ':' }) {
		if part == ".." {
			return &Denied{Message: fmt.Sprintf("%q is not allowed: a path must not contain \"..\"", path)}
		}
		if len(part) > 255 {
			return &Denied{Message: "a name in the path is too long: at most 255 bytes are allowed"}
		}
	}
	return nil
}

// inSomeRoot returns the absolute path for any of the three forms.
func (p *Policy) inSomeRoot(path string) (string, error) {
	if filepath.IsAbs(path) {
		return filepath.Clean(path), nil
	}
	name, rest, named := strings.Cut(path, ":")
	if named {
		if i := slices.IndexFunc(p.roots, func(r root) bool { return r.name == name }); i >= 0 {
			rest = strings.TrimLeft(filepath.FromSlash(rest), string(filepath.Separator))
			return p.below(path, &p.roots[i], rest)
		}
	}
	if len(p.roots) != 1 {
		return "", p.refusePath(path)
	}
	return p.below(path, &p.roots[0], filepath.FromSlash(path))
}

func (p *Policy) below(path string, r *root, rel string) (string, error) {
	rel = filepath.Clean(rel)
	if !filepath.IsLocal(rel) || !plainName(rel) {
		return "", p.refusePath(path)
	}
	return filepath.Join(r.path, rel), nil
}

// innermost finds the root that contains a path. If roots are nested it returns
// the innermost, so that a read-only folder inside a writable one stays
// read-only.
func (p *Policy) innermost(abs string) (located, bool) {
	var best located
	length := -1
	for i := range p.roots {
		r := &p.roots[i]
		for _, base := range []string{r.path, r.real} {
			rel, err := filepath.Rel(base, abs)
			if err != nil || !filepath.IsLocal(rel) || !plainName(rel) || len(base) <= length {
				continue
			}
			best, length = located{root: r, rel: rel}, len(base)
		}
	}
	if length < 0 || kernelPath(filepath.Join(best.root.real, best.rel)) {
		return located{}, false
	}
	return best, true
}

func (p *Policy) refusePath(path string) error {
	if len(p.roots) == 0 {
		return &Denied{
			Message: fmt.Sprintf("the path %q is not allowed: no folders are allowed", path),
			Hint:    "to allow it, set policy.files.roots: {work: {path: /path/to/folder}}",
		}
	}
	names := make([]string, len(p.roots))
	for i, r := range p.roots {
		names[i] = fmt.Sprintf("%s: (%s)", r.name, r.path)
	}
	return &Denied{
		Message: fmt.Sprintf("the path %q is not allowed: it is not inside an allowed folder", path),
		Hint:    "the allowed folders are " + strings.Join(names, ", ") + "; to allow more, add them to policy.files.roots",
	}
}

// Dir returns the absolute path of a folder inside a root.
func (p *Policy) Dir(path string) (string, error) {
	l, err := p.locate(path, false)
	if err != nil {
		return "", err
	}
	info, err := l.root.dir.Stat(l.rel)
	if err != nil {
		return "", describe(path, err)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%q is not a folder", path)
	}
	return p.settled(l, path)
}

// FilePath returns the absolute path of a file inside a root, without links, for
// libraries that open files by name. A file to write need not exist, but its
// folder must. Prefer OpenRead and OpenWrite, which leave no time between the
// check and the open.
func (p *Policy) FilePath(path string, write bool) (string, error) {
	l, err := p.locate(path, write)
	if err != nil {
		return "", err
	}
	info, err := l.root.dir.Stat(l.rel)
	if err == nil {
		if err := ordinary(path, info); err != nil {
			return "", err
		}
		if err := p.notSecret(path, info); err != nil {
			return "", err
		}
		real, err := p.settled(l, path)
		if err == nil && write {
			err = p.mayWrite(filepath.Dir(real), path)
		}
		return real, err
	}
	if !write || !errors.Is(err, os.ErrNotExist) {
		return "", describe(path, err)
	}
	if _, err := l.root.dir.Lstat(l.rel); err == nil {
		return "", &Denied{Message: fmt.Sprintf("%q is not allowed: it is a link whose target does not exist", path)}
	}
	parent := located{root: l.root, rel: filepath.Dir(l.rel)}
	if _, err := l.root.dir.Stat(parent.rel); err != nil {
		return "", describe(path, err)
	}
	dir, err := p.settled(parent, path)
	if err == nil {
		err = p.mayWrite(dir, path)
	}
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, filepath.Base(l.rel)), nil
}

// settled resolves the links of an existing path and checks that the result is
// inside its root.
func (p *Policy) settled(l located, path string) (string, error) {
	real, err := filepath.EvalSymlinks(filepath.Join(l.root.real, l.rel))
	if err != nil {
		return "", describe(path, err)
	}
	if rel, err := filepath.Rel(l.root.real, real); err != nil || !filepath.IsLocal(rel) {
		return "", p.refusePath(path)
	}
	return real, nil
}

// OnlyRoot returns the absolute path of the root if there is exactly one.
// Relative paths start there.
func (p *Policy) OnlyRoot() (path string, ok bool) {
	if len(p.roots) != 1 {
		return "", false
	}
	return p.roots[0].real, true
}
