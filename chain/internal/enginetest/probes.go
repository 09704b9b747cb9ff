package enginetest

import (
	"context"
	"embed"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// probeInput are the inputs of the executors in testdata/executors.
type probeInput struct {
	Value      any           `json:"value"`
	Number     float64       `json:"number"`
	Fail       string        `json:"fail"`
	ErrorType  string        `json:"error_type"`
	Times      int           `json:"times"`
	Retryable  bool          `json:"retryable"`
	RetryAfter time.Duration `json:"retry_after"`
	Keep       bool          `json:"keep"`
	Sleep      time.Duration `json:"sleep"`
	Stubborn   bool          `json:"stubborn"`
	Size       int           `json:"size"`
	Says       string        `json:"says"`
	SaysTimes  int           `json:"says_times"`
	Mark       string        `json:"mark"`
	Timeout    time.Duration `json:"timeout"`
	Inner      string        `json:"inner"`
}

type probeOutput struct {
	Value        any                   `json:"value,omitempty"`
	Dependencies map[string]gatheredIn `json:"dependencies,omitempty"`
}

type gatheredIn struct {
	Status string `json:"status"`
	Result string `json:"result"`
	Error  string `json:"error,omitempty"`
}

// Probes are the executors of a test: they do what their inputs say, and record
// the calls.
type Probes struct {
	mu       sync.Mutex
	marks    []string // in the order in which the calls began
	calls    map[string]int
	inFlight int
	most     int // in flight at once
	released chan struct{}
	// Begun receives the mark of each marked call when it begins.
	Begun chan string
	// inner runs a tree from inside a task of the run parent.
	inner func(ctx context.Context, parent, tree string) error
}

// NewProbes returns executors without recorded calls.
func NewProbes() *Probes {
	return &Probes{calls: map[string]int{}, Begun: make(chan string, 20_000), released: make(chan struct{})}
}

// Seen returns the marks of the calls, in the order in which they began.
func (p *Probes) Seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.marks)
}

// Called returns the number of calls for a task.
func (p *Probes) Called(task string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[task]
}

// Most returns the largest number of calls that were in flight at once.
func (p *Probes) Most() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.most
}

// InFlight returns the number of calls in flight.
func (p *Probes) InFlight() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inFlight
}

// Release ends the calls that ignore the end of their context.
func (p *Probes) Release() { close(p.released) }

// Await waits until a call with the mark has begun.
func (p *Probes) Await(t testing.TB, mark string) {
	t.Helper()
	for {
		select {
		case m := <-p.Begun:
			if m == mark {
				return
			}
		case <-time.After(executortest.Patience):
			t.Fatalf("no call with the mark %q has begun", mark)
		}
	}
}

func (p *Probes) execute(ctx context.Context, call *executors.Call, in probeInput) (*probeOutput, error) {
	p.mu.Lock()
	if in.Mark != "" {
		p.marks = append(p.marks, in.Mark)
	}
	p.calls[call.TaskID]++
	p.inFlight++
	p.most = max(p.most, p.inFlight)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.inFlight--
		p.mu.Unlock()
	}()
	if in.Says != "" {
		to := call.Output()
		for range in.SaysTimes {
			_, _ = io.WriteString(to, in.Says)
		}
	}
	if in.Mark != "" {
		p.Begun <- in.Mark
		call.Progress(executors.Progress{Message: "at " + in.Mark})
	}
	out := &probeOutput{Value: in.Value}
	if in.Size > 0 {
		out.Value = strings.Repeat("x", in.Size)
	}
	for id, d := range call.Dependencies {
		if out.Dependencies == nil {
			out.Dependencies = map[string]gatheredIn{}
		}
		out.Dependencies[id] = gatheredIn{d.Status, string(d.Result), d.Error}
	}
	if in.Inner != "" {
		if err := p.inner(ctx, call.RunID, in.Inner); err != nil {
			return nil, err
		}
	}
	switch {
	case in.Stubborn:
		<-p.released
	case in.Sleep > 0:
		select {
		case <-time.After(in.Sleep):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if in.Fail != "" && (in.Times == 0 || call.Attempt <= in.Times) {
		err := executors.Errorf(executors.ErrorType(in.ErrorType), "%s", in.Fail)
		if in.Retryable {
			err = err.Retry(in.RetryAfter)
		}
		if in.Keep {
			return out, err
		}
		return nil, err
	}
	return out, nil
}

//go:embed testdata
var testdata embed.FS

// Executors returns the probes as executors: probe, which is idempotent,
// probe_write, which is not, probe_gather, which receives the results of its
// dependencies, probe_closed, which policy closes, and noop.
func (p *Probes) Executors() (all []executors.Executor, err error) {
	files, err := fs.Glob(testdata, "testdata/executors/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		def, err := executors.LoadDefinition(testdata, file)
		if err != nil {
			return nil, err
		}
		if def.ID == "noop" {
			all = append(all, nothing{def})
		} else {
			all = append(all, executors.New(def, p.execute))
		}
	}
	return all, nil
}

// Registry returns a registry of the probes, which the test closes at its end.
func (p *Probes) Registry(t testing.TB, cfg policy.Config) *executors.Registry {
	t.Helper()
	all, err := p.Executors()
	if err != nil {
		t.Fatal(err)
	}
	return executortest.Registry(t, executortest.Policy(t, cfg), all...)
}

// nothing is the executor that does nothing.
type nothing struct{ def *executors.Definition }

func (n nothing) Definition() *executors.Definition { return n.def }

func (nothing) Execute(context.Context, *executors.Call) (any, error) { return struct{}{}, nil }
