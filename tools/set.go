package tools

import (
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/schedule"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// DefaultMaxWaiting is the number of calls that may wait for runs at once.
const DefaultMaxWaiting = 64

// Options configure a Set. Runner and Registry are required.
type Options struct {
	Runner   chain.Engine
	Registry *executors.Registry
	Log      zerolog.Logger
	// Selection selects tools from the usable ones; the zero value selects all.
	Selection
	// Discovery publishes find_executor, describe_executor and run_executor
	// instead of one tool for each executor.
	Discovery bool
	// Trees holds saved trees: NAME.json, NAME.yaml or NAME.yml. Nil: none.
	Trees fs.FS
	// Schedules are the schedules of the saved trees. Nil: none.
	Schedules *schedule.Book
	// MaxWaiting is how many calls may wait for runs (DefaultMaxWaiting).
	// Further calls return the run's id without waiting.
	MaxWaiting int
}

// Set is the published tools. It is updated when executors are registered or
// withdrawn.
type Set struct {
	opts    Options
	runs    *runs
	current atomic.Pointer[snapshot]
	// published caches the schemas of definitions (*executors.Definition).
	published sync.Map

	mu       sync.Mutex
	onChange []func()
}

// snapshot is the tools at one time.
type snapshot struct {
	list   []Tool
	byName map[string]Tool
	// reading holds the read-only form of each tool that has one.
	reading map[string]Tool
}

// Build returns a Set. It fails if the selection names a tool that does not
// exist.
func Build(opts Options) (*Set, error) {
	if opts.MaxWaiting == 0 {
		opts.MaxWaiting = DefaultMaxWaiting
	}
	s := &Set{opts: opts}
	var err error
	if s.runs, err = newRuns(s); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	s.rebuild()
	opts.Registry.OnChange(func() {
		s.rebuild()
		s.forget()
		s.changed()
	})
	return s, nil
}

// Tools returns the published tools, sorted by name.
func (s *Set) Tools() []Tool { return slices.Clone(s.current.Load().list) }

// Lookup finds a published tool.
func (s *Set) Lookup(name string) (Tool, bool) {
	tool, ok := s.current.Load().byName[name]
	return tool, ok
}

// Runner returns the engine whose runs the tools are about.
func (s *Set) Runner() chain.Engine { return s.opts.Runner }

// Confirms reports whether policy requires confirmations.
func (s *Set) Confirms() bool { return s.opts.Registry.Policy().Confirm() != policy.ConfirmNever }

// redact removes the values of secrets from a text.
func (s *Set) redact(text string) string { return s.opts.Registry.Policy().RedactString(text) }

// OnChange calls fn after each later change of what is published.
func (s *Set) OnChange(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onChange = append(s.onChange, fn)
}

func (s *Set) changed() {
	s.mu.Lock()
	listeners := slices.Clone(s.onChange)
	s.mu.Unlock()
	for _, fn := range listeners {
		fn()
	}
}
