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

// maxFiles is the largest number of definitions in a folder. Each may become
// a tool, and no assistant can use thousands.
const maxFiles = 1000

// retryAfter is the pause before a failed MCP server is queried again.
const retryAfter = 30 * time.Second

// stamp identifies one version of a file without reading it.
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

// source is the state of one file of the folder.
type source struct {
	seen stamp // at the last scan
	read stamp // when the file was last read
	// others are the files that the definition uses, when it was last read.
	others  map[string]stamp
	live    map[string]bool // IDs that are registered from the file
	uses    []string        // executors that its tree uses
	listing *listing        // nil: no request is pending
	waiting *loading        // an MCP server that was not needed yet; nil if there is none
	asked   bool            // it was needed
	again   bool            // try again although nothing has changed
	tried   time.Time       // the last attempt
	problem error
	logged  string // the problem that was logged last
}

// scan reads the changed files of the folder once. It returns false if the
// folder can't be read. With atOnce, files that changed since the last scan
// are read, too.
func (f *Folder) scan(atOnce bool) bool {
	f.scanning.Lock()
	defer f.scanning.Unlock()
	names, err := f.list()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.folderFailed(err)
		return false
	}
	f.missing = nil
	changed := f.removeMissing(names)
	for _, name := range names {
		if f.refresh(name, atOnce) {
			changed = true
		}
	}
	// A file that failed may be valid now: an ID may be free, or an executor
	// that its tree uses may exist.
	for round := 0; changed && round < len(names); round++ {
		changed = false
		for _, name := range names {
			if s := f.sources[name]; s != nil && s.problem != nil && s.listing == nil && !s.again && s.read.info != nil {
				f.load(name, s)
				changed = changed || s.problem == nil
			}
		}
	}
	f.logProblems(names)
	return true
}

// logProblems logs each new problem once. It runs after all files are read, and only
// when no MCP server is pending for the first time, because a tree may use an
// executor from another file or server.
func (f *Folder) logProblems(names []string) {
	if slices.ContainsFunc(names, func(name string) bool {
		return f.sources[name].waiting != nil || f.sources[name].listing != nil && f.sources[name].tried.IsZero()
	}) {
		return
	}
	for _, name := range names {
		s, now := f.sources[name], ""
		if s.problem != nil {
			now = s.problem.Error()
		}
		if now != "" && now != s.logged {
			f.opts.Log.Error().Err(s.problem).Bool("earlier_version_stays", len(s.live) > 0).Msg("loading an executor's file failed")
		}
		s.logged = now
	}
}

// folderFailed handles a folder that can't be read. Its executors stay registered,
// unless the folder does not exist.
func (f *Folder) folderFailed(err error) {
	if errors.Is(err, fs.ErrNotExist) {
		f.missing = nil
		f.removeMissing(nil)
		return
	}
	if f.missing == nil {
		f.opts.Log.Warn().Err(err).Msg("reading the executors folder failed")
	}
	f.missing = err
}

// answerWithin is how long a scan waits for the folder itself.
const answerWithin = time.Second

// reading is the names in the folder, or why it can't be read.
type reading struct {
	names []string
	err   error
}

// list reads the folder. A folder on a network file system that has gone may block
// for ever, and nothing can interrupt that. Then this is an error, and the next scan
// looks whether it has answered.
func (f *Folder) list() ([]string, error) {
	if f.reading == nil {
		answer := make(chan reading, 1)
		f.reading = answer
		read := f.opts.list
		if read == nil {
			read = list
		}
		go func() { // blocked in the system, it ends with the process
			names, err := read(f.opts.Dir)
			answer <- reading{names, err}
		}()
		timer := time.NewTimer(answerWithin)
		defer timer.Stop()
		select {
		case got := <-answer:
			f.reading = nil
			return got.names, got.err
		case <-timer.C:
		}
	}
	select {
	case got := <-f.reading:
		f.reading = nil
		return got.names, got.err
	default:
	}
	return nil, fmt.Errorf("%s does not answer: its file system may have gone", f.opts.Dir)
}

// list returns the definitions in a folder: NAME.yaml, NAME.yml and
// NAME/definition.yaml. Names that start with a dot or an underscore are
// ignored.
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

// removeMissing unregisters the executors of files that no longer exist.
func (f *Folder) removeMissing(names []string) (changed bool) {
	for _, name := range sortedKeys(f.sources) {
		if slices.Contains(names, name) {
			continue
		}
		f.sources[name].drop()
		for id := range f.sources[name].live {
			f.opts.Registry.Withdraw(id)
			f.opts.Log.Info().Str("executor", id).Str("file", name).Msg("executor removed")
		}
		delete(f.sources, name)
		changed = true
	}
	return changed
}

// refresh reads a file if it has changed since it was read, or registers the
// tools of an MCP server that has answered.
func (f *Folder) refresh(name string, atOnce bool) (changed bool) {
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
	case same && s.listing.ended():
		a := s.listing
		s.listing = nil
		f.install(s, a.loading, a.made, a.err)
		return s.problem == nil
	case !settled || same && !due:
		return false
	}
	s.read = now
	f.load(name, s)
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

// load loads a file and registers its executors, or starts the request to its
// MCP server. The earlier version stays registered until the server answers.
func (f *Folder) load(name string, s *source) {
	s.drop()
	l := &loading{folder: f, name: name, path: f.path(name)}
	made, err := l.make()
	s.others, s.again = l.others(), false
	switch {
	case l.finish != nil && f.opts.OnDemand && !s.asked:
		s.waiting = l
		return
	case l.finish != nil:
		s.listing = f.ask(l)
		return
	}
	f.install(s, l, made, err)
}

// install registers the executors of a file in place of its earlier ones. After an
// error, the earlier ones stay registered.
func (f *Folder) install(s *source, l *loading, made []executors.Executor, err error) {
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

// discard closes executors that were never registered.
func discard(made []executors.Executor) {
	for _, each := range made {
		if closer, ok := each.(io.Closer); ok {
			_ = closer.Close() // an error has no effect: it was never used
		}
	}
}

// admit fails if an ID belongs to another file or to the server, or if a tree
// would run itself.
func (f *Folder) admit(name string, made []executors.Executor, uses []string) error {
	for _, each := range made {
		id := each.Definition().ID
		if slices.Contains(f.opts.Reserved, id) {
			return fmt.Errorf("%s:1: the id %s is reserved: it is one of the server's own tools", name, id)
		}
		owner, ours := f.owner(id)
		if _, taken := f.opts.Registry.Lookup(id); taken && owner != name {
			if !ours {
				owner = "a built-in executor"
			}
			return fmt.Errorf("%s:1: the id %s is already used by %s", name, id, owner)
		}
		if f.reaches(uses, id, map[string]bool{}) {
			return fmt.Errorf("%s:1: the tree of %s would run itself", name, id)
		}
	}
	return nil
}

// owner returns the file of an executor.
func (f *Folder) owner(id string) (string, bool) {
	for name, s := range f.sources {
		if s.live[id] {
			return name, true
		}
	}
	return "", false
}

// reaches reports whether using these executors leads to the executor id.
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
		message := "executor added"
		if s.live[id] {
			message = "executor replaced"
		}
		f.opts.Log.Info().Str("executor", id).Str("file", name).Msg(message)
	}
	for id := range s.live {
		if !now[id] {
			f.opts.Registry.Withdraw(id)
			f.opts.Log.Info().Str("executor", id).Str("file", name).Msg("executor removed")
		}
	}
	s.live = now
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
