package external

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chainwright/chainwright/executors"
)

// maxFiles bounds the folder: each file may become a tool, and no assistant
// has use for thousands.
const maxFiles = 1000

// retryAfter is how long a server that could not be reached is left alone.
const retryAfter = 30 * time.Second

// stamp tells one state of a file from another without reading it.
type stamp struct {
	info os.FileInfo
	size int64
	when time.Time
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info: info, size: info.Size(), when: info.ModTime()}
}

func (s stamp) same(other stamp) bool {
	return (s.info == nil) == (other.info == nil) && s.size == other.size && s.when.Equal(other.when) &&
		(s.info == nil || os.SameFile(s.info, other.info))
}

// source is one file of the folder.
type source struct {
	seen stamp // at the last look
	read stamp // when it was read last
	// others are the files that it names, as they were then.
	others  map[string]stamp
	live    map[string]bool // ids that are registered from it
	uses    []string        // executors that its trees use
	asking  *asking         // nil: no server is being asked
	again   bool            // to be tried again, though nothing has changed
	tried   time.Time       // when that failed
	problem error
	told    string // the problem that was logged last
}

// scan looks at the folder once, and reports whether it could. At once, files
// are read however lately they have changed.
func (f *Folder) scan(atOnce bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	names, err := list(f.opts.Dir)
	if err != nil {
		f.lost(err)
		return false
	}
	f.missing = nil
	changed := f.forget(names)
	for _, name := range names {
		if f.look(name, atOnce) {
			changed = true
		}
	}
	// What was refused may have waited for what has come or gone: an id that
	// was taken, an executor that a tree uses.
	for round := 0; changed && round < len(names); round++ {
		changed = false
		for _, name := range names {
			if s := f.sources[name]; s != nil && s.problem != nil && s.asking == nil && !s.again && s.read.info != nil {
				f.take(name, s)
				changed = changed || s.problem == nil
			}
		}
	}
	f.tell(names)
	return true
}

// tell logs what is broken, once, when every file has had its turn: a tree may
// use an executor of a file that is read after its own, or a tool of a server
// that has not answered yet.
func (f *Folder) tell(names []string) {
	if slices.ContainsFunc(names, func(name string) bool { return f.sources[name].asking != nil && f.sources[name].tried.IsZero() }) {
		return
	}
	for _, name := range names {
		s, now := f.sources[name], ""
		if s.problem != nil {
			now = s.problem.Error()
		}
		if now != "" && now != s.told {
			f.opts.Log.Error().Err(s.problem).Bool("earlier_version_stays", len(s.live) > 0).Msg("an executor's file is broken")
		}
		s.told = now
	}
}

// lost: the folder can't be read. What came from it stays, but where the
// folder itself is gone.
func (f *Folder) lost(err error) {
	if errors.Is(err, fs.ErrNotExist) {
		f.missing = nil
		f.forget(nil)
		return
	}
	if f.missing == nil {
		f.opts.Log.Warn().Err(err).Msg("the folder of executors can't be read")
	}
	f.missing = err
}

// list gives the definitions in a folder: NAME.yaml and NAME/definition.yaml.
// Names that begin with a dot or an underscore are left out.
func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		name := entry.Name()
		path := filepath.Join(dir, name)
		ending := strings.ToLower(filepath.Ext(name))
		switch info, err := os.Stat(path); {
		case err != nil || name[0] == '.' || name[0] == '_':
		case info.IsDir():
			if _, err := os.Stat(filepath.Join(path, definitionFile)); err == nil {
				names = append(names, name+"/"+definitionFile)
			}
		case ending == ".yaml" || ending == ".yml":
			names = append(names, name)
		}
	}
	if len(names) > maxFiles {
		return nil, fmt.Errorf("%s has %d definitions; at most %d are read", dir, len(names), maxFiles)
	}
	return names, nil
}

const definitionFile = "definition.yaml"

// forget withdraws what came from files that are gone.
func (f *Folder) forget(names []string) (changed bool) {
	for _, name := range sortedKeys(f.sources) {
		if slices.Contains(names, name) {
			continue
		}
		f.sources[name].asking.drop()
		for id := range f.sources[name].live {
			f.opts.Registry.Withdraw(id)
			f.opts.Log.Info().Str("executor", id).Str("file", name).Msg("an executor was withdrawn")
		}
		delete(f.sources, name)
		changed = true
	}
	return changed
}

// look reads a file if it has changed since it was read, or takes what the
// server answered that it names.
func (f *Folder) look(name string, atOnce bool) (changed bool) {
	s := f.sources[name]
	if s == nil {
		s = &source{live: map[string]bool{}}
		f.sources[name] = s
	}
	now := stampOf(f.path(name))
	settled := atOnce || now.same(s.seen)
	s.seen = now
	same := now.same(s.read) && s.othersSame()
	due := s.again && time.Since(s.tried) > retryAfter
	switch {
	case same && s.asking.answered():
		a := s.asking
		s.asking = nil
		f.put(s, a.loading, a.made, a.err)
		return s.problem == nil
	case !settled || same && !due:
		return false
	}
	s.read = now
	f.take(name, s)
	return true
}

func (s *source) othersSame() bool {
	for path, was := range s.others {
		if !stampOf(path).same(was) {
			return false
		}
	}
	return true
}

func (f *Folder) path(name string) string { return filepath.Join(f.opts.Dir, filepath.FromSlash(name)) }

// take reads a file, and puts what it makes in its place or has a server asked
// first. Until that has answered nothing changes.
func (f *Folder) take(name string, s *source) {
	s.asking.drop()
	s.asking = nil
	l := &loading{folder: f, name: name, path: f.path(name)}
	made, err := l.make()
	s.others, s.again = l.others(), false
	if l.rest != nil {
		s.asking = f.ask(l)
		return
	}
	f.put(s, l, made, err)
}

// put puts what was made of a file in the place of what came from it before.
// Where anything is wrong nothing changes.
func (f *Folder) put(s *source, l *loading, made []executors.Executor, err error) {
	s.again, s.tried = l.again, time.Now()
	if err == nil {
		err = f.admit(l.name, made, l.uses)
	}
	if err == nil {
		err = f.register(l.name, s, made)
		s.uses = l.uses
	} else {
		discard(made)
	}
	s.problem = err
}

// discard lets go of executors that were never registered.
func discard(made []executors.Executor) {
	for _, each := range made {
		if closer, ok := each.(io.Closer); ok {
			_ = closer.Close() // it was never used
		}
	}
}

// admit refuses ids that belong to somebody else, and trees that would run
// themselves.
func (f *Folder) admit(name string, made []executors.Executor, uses []string) error {
	for _, each := range made {
		id := each.Definition().ID
		if slices.Contains(f.opts.Reserved, id) {
			return fmt.Errorf("%s:1: the id %s is a tool of the server's own", name, id)
		}
		owner, ours := f.owner(id)
		if _, taken := f.opts.Registry.Lookup(id); taken && owner != name {
			if !ours {
				owner = "an executor that the server brings"
			}
			return fmt.Errorf("%s:1: the id %s is taken by %s", name, id, owner)
		}
		if f.reaches(uses, id, map[string]bool{}) {
			return fmt.Errorf("%s:1: the tree of %s would run itself", name, id)
		}
	}
	return nil
}

// owner is the file that an executor came from.
func (f *Folder) owner(id string) (string, bool) {
	for name, s := range f.sources {
		if s.live[id] {
			return name, true
		}
	}
	return "", false
}

// reaches reports whether the use of some executors leads to another one.
func (f *Folder) reaches(uses []string, id string, seen map[string]bool) bool {
	for _, used := range uses {
		if used == id {
			return true
		}
		if owner, ok := f.owner(used); ok && !seen[used] {
			seen[used] = true
			if f.reaches(f.sources[owner].uses, id, seen) {
				return true
			}
		}
	}
	return false
}

func (f *Folder) register(name string, s *source, made []executors.Executor) error {
	now := map[string]bool{}
	for _, each := range made {
		id := each.Definition().ID
		if err := f.opts.Registry.Register(each); err != nil {
			return fmt.Errorf("%s:1: %w", name, err)
		}
		now[id] = true
		message := "an executor was added"
		if s.live[id] {
			message = "an executor was replaced"
		}
		f.opts.Log.Info().Str("executor", id).Str("file", name).Msg(message)
	}
	for id := range s.live {
		if !now[id] {
			f.opts.Registry.Withdraw(id)
			f.opts.Log.Info().Str("executor", id).Str("file", name).Msg("an executor was withdrawn")
		}
	}
	s.live = now
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
