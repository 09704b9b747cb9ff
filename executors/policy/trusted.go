package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Trusted is a path that a setting of the operator names. What is there is code
// or policy, or belongs to other principals.
type Trusted struct {
	Setting string // its key
	Path    string
	// Folder says that everything in it is trusted, so that no writable root may
	// be inside it.
	Folder bool
	// Private says that callers must not read it either.
	Private bool
	// Program says that it may have several hard links, as many programs have.
	Program bool
}

// CheckTrusted returns an error if callers could change what is at a path through
// a root, or read it although it is private. It looks at the folders that the
// path leads through, not at the text of the path: at every link, and at what
// does not exist yet. It finds hard links in roots of up to maxWalk files.
//
// It is the only check of this kind. It is called for everything that the
// operator's settings name at the start, for files of executors when they are
// read, and by OpenTrusted when a file is used.
func (p *Policy) CheckTrusted(t Trusted) error {
	path, err := absolute(t.Path)
	if err != nil {
		return fmt.Errorf("%s: %w", t.Setting, err)
	}
	if len(p.roots) == 0 {
		return nil
	}
	for _, step := range steps(path) {
		for _, r := range p.rootsOf(step) {
			if r.write || t.Private {
				return r.conflict(t)
			}
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil //nolint:nilerr // it does not exist yet; its folders were checked
	}
	for i := range p.roots {
		r := &p.roots[i]
		if !r.write && !t.Private {
			continue
		}
		if t.Folder && r.write && inside(r.real, info) {
			return r.conflict(t)
		}
		if info.Mode().IsRegular() && linkCount(info) > 1 && r.holds(info, !t.Program) {
			return r.conflict(t)
		}
	}
	return nil
}

// OpenTrusted opens the regular file at a path, and checks where the opened file
// lies.
func (p *Policy) OpenTrusted(t Trusted) (*os.File, error) {
	path, err := absolute(t.Path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Setting, err)
	}
	file, err := OpenRegular(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", t.Setting, path, err)
	}
	if err := p.checkOpened(t, path, file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// checkOpened checks the path, and that it still leads to the opened file. If a
// link was changed in between, one of the two fails.
func (p *Policy) checkOpened(t Trusted, path string, file *os.File) error {
	if err := p.CheckTrusted(t); err != nil {
		return err
	}
	opened, err := file.Stat()
	if err != nil {
		return fmt.Errorf("%s: %w", t.Setting, err)
	}
	if now, err := os.Stat(path); err != nil || !os.SameFile(now, opened) {
		return fmt.Errorf("%s: %s was replaced while it was opened; try again", t.Setting, path)
	}
	return nil
}

func (r *root) conflict(t Trusted) error {
	if r.write {
		return &Denied{
			Message: fmt.Sprintf("policy.files.roots.%s (%s) lets callers write %s (%s), which the server trusts", r.name, r.path, t.Setting, t.Path),
			Hint:    fmt.Sprintf("move one of the two, or set policy.files.roots.%s.write: false", r.name),
		}
	}
	return &Denied{
		Message: fmt.Sprintf("policy.files.roots.%s (%s) lets callers read %s (%s), which is private", r.name, r.path, t.Setting, t.Path),
		Hint:    "move one of the two",
	}
}

// steps returns the path, the path after each link on it, the place of each link,
// and the path without links.
func steps(path string) []string {
	list := []string{path}
	at := path
	for range 40 { // links that lead in a circle
		link, next := followed(at)
		if link == "" {
			break
		}
		list = append(list, link, next)
		at = next
	}
	return append(list, withoutLinks(path))
}

// followed replaces the first link on a path by its target.
func followed(path string) (link, next string) {
	for end := len(filepath.VolumeName(path)) + 1; end <= len(path); end++ {
		if end < len(path) && !os.IsPathSeparator(path[end]) {
			continue
		}
		at := path[:end]
		info, err := os.Lstat(at)
		if err != nil {
			return "", ""
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		target, err := os.Readlink(at)
		if err != nil {
			return "", ""
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(at), target)
		}
		return at, filepath.Join(target, path[end:])
	}
	return "", ""
}

// withoutLinks resolves links as far as the path exists.
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

// rootsOf returns the roots at the innermost folder above a path, or at the path,
// that is one. Folders are compared by identity: the same folder can have several
// paths, by links, mounts, or the case of letters.
func (p *Policy) rootsOf(path string) (found []*root) {
	for at := path; ; at = filepath.Dir(at) {
		if info, err := os.Stat(at); err == nil && info.IsDir() {
			for i := range p.roots {
				if os.SameFile(info, p.roots[i].info) {
					found = append(found, &p.roots[i])
				}
			}
		}
		if len(found) > 0 || filepath.Dir(at) == at {
			return found
		}
	}
}

// inside reports whether a path is the folder or inside it.
func inside(path string, folder fs.FileInfo) bool {
	for at := path; ; at = filepath.Dir(at) {
		if info, err := os.Stat(at); err == nil && os.SameFile(info, folder) {
			return true
		}
		if filepath.Dir(at) == at {
			return false
		}
	}
}

// maxWalk is the largest number of files among which a hard link is looked for.
const maxWalk = 50_000

var errFound = errors.New("found")

// holds reports whether a name in the root is a hard link to the file. In a
// larger root than can be searched, it returns otherwise.
func (r *root) holds(file fs.FileInfo, otherwise bool) bool {
	seen := 0
	err := filepath.WalkDir(r.real, func(_ string, entry fs.DirEntry, err error) error {
		if seen++; seen > maxWalk {
			return fs.SkipAll
		}
		if err != nil || !entry.Type().IsRegular() {
			return nil //nolint:nilerr // a folder that can't be read holds nothing that callers reach
		}
		if info, err := entry.Info(); err == nil && os.SameFile(info, file) {
			return errFound
		}
		return nil
	})
	return errors.Is(err, errFound) || otherwise && seen > maxWalk
}

// isProtected reports whether a name in a folder is a protected file.
func (p *Policy) isProtected(dir *os.Root, name string) bool {
	for _, path := range p.protected {
		folder, err := dir.Stat(".")
		if above, statErr := os.Stat(filepath.Dir(path)); err == nil && statErr == nil &&
			os.SameFile(folder, above) && strings.EqualFold(filepath.Base(path), name) {
			return true
		}
	}
	return false
}

// Trust checks what settings outside of the policy name, as CheckTrusted does.
func (p *Policy) Trust(list ...Trusted) error {
	var errs []error
	for _, t := range list {
		var denied *Denied
		if err := p.CheckTrusted(t); errors.As(err, &denied) {
			err = fmt.Errorf("%s; %s", denied.Message, denied.Hint)
			errs = append(errs, err)
		} else if err != nil {
			errs = append(errs, err)
		}
	}
	p.trusted = append(p.trusted, list...)
	return errors.Join(errs...)
}

// Trusted returns what was checked at the start.
func (p *Policy) Trusted() []Trusted { return slices.Clone(p.trusted) }

// named returns what the policy's own settings name.
func (p *Policy) named() []Trusted {
	var list []Trusted
	for i := range p.programs {
		list = append(list, p.programs[i].trusted())
	}
	for _, name := range sortedKeys(p.connections) {
		c, key := p.connections[name], "policy.connections."+name
		list = append(list,
			Trusted{Setting: key + ".key_file", Path: c.KeyFile},
			Trusted{Setting: key + ".password_file", Path: c.PasswordFile},
			Trusted{Setting: key + ".token_file", Path: c.TokenFile},
			Trusted{Setting: key + ".known_hosts", Path: c.KnownHosts},
			Trusted{Setting: key + ".ca_file", Path: c.CAFile})
	}
	for _, name := range p.SecretNames() {
		list = append(list, Trusted{Setting: "policy.secrets." + name + ".file", Path: p.config.Secrets[name].File})
	}
	for _, name := range sortedKeys(p.config.OAuthClients) {
		c, key := p.config.OAuthClients[name], "policy.oauth_clients."+name
		list = append(list,
			Trusted{Setting: key + ".client_secret_file", Path: c.ClientSecretFile},
			Trusted{Setting: key + ".key_file", Path: c.KeyFile},
			Trusted{Setting: key + ".ca_file", Path: c.CAFile})
	}
	if !p.config.Audit.Off && p.config.Audit.Path != "" {
		for _, path := range []string{p.config.Audit.Path, keptPath(p.config.Audit.Path)} { // rotated files are in the same folder
			list = append(list, Trusted{Setting: "policy.audit.path", Path: path, Private: true})
		}
	}
	return slices.DeleteFunc(list, func(t Trusted) bool { return t.Path == "" })
}
