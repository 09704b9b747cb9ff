package tools

import (
	"context"
	"encoding/json"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools/requeststate"
)

// DefaultMaxWaiting is how many calls may wait for a run at once.
const DefaultMaxWaiting = 64

// Options say what is published, and what it works with. Runner and Registry
// are required.
type Options struct {
	Runner   *chain.Runner
	Registry *executors.Registry
	Log      zerolog.Logger
	// Selection chooses among the usable tools; the zero value takes all.
	Selection
	// Discovery publishes find_executor, describe_executor and run_executor
	// in place of one tool an executor.
	Discovery bool
	// Trees holds saved trees: NAME.json, NAME.yaml or NAME.yml. Nil: none.
	Trees fs.FS
	// MaxWaiting bounds the calls that wait for a run at once
	// (DefaultMaxWaiting); further ones get the run's handle at once.
	MaxWaiting int
	// AnswerWithin is how long a person may think who is asked to confirm a
	// call (DefaultAnswerWithin).
	AnswerWithin time.Duration
}

// Set is the published tools. It follows the registry: what is registered or
// withdrawn later comes and goes here too.
type Set struct {
	opts    Options
	runs    *runs
	states  *requeststate.Keeper // nil: nobody is asked to confirm anything
	current atomic.Pointer[snapshot]

	mu       sync.Mutex
	onChange []func()
}

// snapshot is one state of the set: whoever reads it sees one state only.
type snapshot struct {
	list   []Tool
	byName map[string]Tool
	// reading are the same tools held to what changes nothing; a tool that
	// can do nothing else is missing here.
	reading map[string]Tool
}

// Build makes the set. A selection that names what does not exist is refused.
func Build(opts Options) (*Set, error) {
	if opts.MaxWaiting == 0 {
		opts.MaxWaiting = DefaultMaxWaiting
	}
	if opts.AnswerWithin == 0 {
		opts.AnswerWithin = DefaultAnswerWithin
	}
	s := &Set{opts: opts}
	if opts.Registry.Policy().Confirm() != policy.ConfirmNever {
		s.states = requeststate.New(opts.AnswerWithin)
	}
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
		s.changed()
	})
	return s, nil
}

// Tools gives what is published, in the order of the names.
func (s *Set) Tools() []Tool { return slices.Clone(s.current.Load().list) }

// Lookup finds a published tool.
func (s *Set) Lookup(name string) (Tool, bool) {
	tool, ok := s.current.Load().byName[name]
	return tool, ok
}

// Incoming is a call as it came over a wire.
type Incoming struct {
	Name      string
	Arguments json.RawMessage
	// Token is what progress is to be sent under; nil where none is wanted.
	Token json.RawMessage
	// Rounds are nil in the revisions that have none.
	Rounds *Rounds
}

// Answer answers a call as it came over a wire: with what the context's
// caller may use, and with progress under the caller's token, where it has
// one. It reports false for a tool that is not there for this caller.
func (s *Set) Answer(ctx context.Context, in Incoming) (*Result, bool) {
	caller := CallerFrom(ctx)
	tool, ok := s.Lookup(in.Name)
	if ok {
		tool, ok = s.Narrowed(tool, caller.Narrow)
	}
	if !ok {
		return nil, false
	}
	if string(in.Arguments) == "null" {
		in.Arguments = nil // some clients write out that there are none
	}
	req := &Request{Arguments: in.Arguments, Principal: caller.Principal, tool: in.Name, rounds: in.Rounds}
	if in.Token != nil && caller.Notify != nil {
		reporter := newReporter(in.Token, caller.Notify)
		defer reporter.close()
		req.OnProgress = reporter.report
	}
	return tool.Handle(ctx, req), true
}

// redact takes the values of secrets out of a text.
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
