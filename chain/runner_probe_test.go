package chain_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors"
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

// probes are the executors of a test, and what they saw.
type probes struct {
	mu       sync.Mutex
	marks    []string // in the order in which the calls began
	calls    map[string]int
	flying   int
	most     int // in flight at once
	begun    chan string
	released chan struct{} // lets stubborn ones go
	// inner runs a tree from inside a task.
	inner func(ctx context.Context, tree string) error
}

func newProbes() *probes {
	return &probes{calls: map[string]int{}, begun: make(chan string, 20_000), released: make(chan struct{})}
}

// seen are the marks, in order.
func (p *probes) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.marks)
}

func (p *probes) called(task string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[task]
}

// await waits until a call with the mark has begun.
func (p *probes) await(t testing.TB, mark string) {
	t.Helper()
	for {
		select {
		case m := <-p.begun:
			if m == mark {
				return
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("no call with the mark %q has begun", mark)
		}
	}
}

func (p *probes) execute(ctx context.Context, call *executors.Call, in probeInput) (*probeOutput, error) {
	p.mu.Lock()
	if in.Mark != "" {
		p.marks = append(p.marks, in.Mark)
	}
	p.calls[call.TaskID]++
	p.flying++
	p.most = max(p.most, p.flying)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.flying--
		p.mu.Unlock()
	}()
	if in.Mark != "" {
		p.begun <- in.Mark
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
		if err := p.inner(ctx, in.Inner); err != nil {
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

// probeRegistry holds the executors of testdata/executors.
func probeRegistry(t testing.TB, p *probes, cfg policy.Config) *executors.Registry {
	t.Helper()
	pol, err := policy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/executors/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no definitions: %v", err)
	}
	var all []executors.Executor
	for _, file := range files {
		def, err := executors.LoadDefinition(os.DirFS(filepath.Dir(file)), filepath.Base(file))
		if err != nil {
			t.Fatal(err)
		}
		if def.ID == "noop" {
			all = append(all, nothing{def})
		} else {
			all = append(all, executors.New(def, p.execute))
		}
	}
	reg, err := executors.NewRegistry(pol, zerolog.Nop(), all...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := reg.Close(); err != nil {
			t.Error(err)
		}
		if err := pol.Close(); err != nil {
			t.Error(err)
		}
	})
	return reg
}

// nothing is the executor that does nothing.
type nothing struct{ def *executors.Definition }

func (n nothing) Definition() *executors.Definition { return n.def }

func (nothing) Execute(context.Context, *executors.Call) (any, error) { return struct{}{}, nil }

// bench is a runner with its parts.
type bench struct {
	*chain.Runner
	probes *probes
	reg    *executors.Registry
	store  store.Store
}

// stores are the kinds of store that tests run over.
var stores = map[string]func(t testing.TB) store.Store{
	"memory": func(testing.TB) store.Store { return memory.Open(memory.Options{}) },
	"sqlite": func(t testing.TB) store.Store {
		return sqlite.Open(filepath.Join(t.TempDir(), "runs.db"), sqlite.Options{OnError: func(err error) { t.Error(err) }})
	},
}

// newBench makes a runner that the test closes at its end.
func newBench(t testing.TB, s store.Store, opts chain.RunnerOptions, cfg policy.Config) *bench {
	t.Helper()
	b := &bench{probes: newProbes(), store: s}
	b.reg = probeRegistry(t, b.probes, cfg)
	opts.Registry, opts.Store = b.reg, s
	b.Runner = chain.NewRunner(opts)
	b.probes.inner = func(ctx context.Context, text string) error {
		tree, report := chain.Parse([]byte(text), b.reg, chain.ParseOptions{})
		if err := report.Err(); err != nil {
			return err
		}
		run, err := b.Start(ctx, tree, chain.RunOptions{})
		if err != nil {
			return err
		}
		if _, err = b.Wait(ctx, run.ID, ""); err != nil {
			return err
		}
		return ctx.Err()
	}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Errorf("closing the runner: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	return b
}

// tree parses a tree that must be valid.
func (b *bench) tree(t testing.TB, text string) *chain.Tree {
	t.Helper()
	tree, report := chain.Parse([]byte(text), b.reg, chain.ParseOptions{})
	if err := report.Err(); err != nil {
		t.Fatalf("the tree is not valid: %v", err)
	}
	return tree
}

// run runs a tree to its end.
func (b *bench) run(t testing.TB, text string, opts chain.RunOptions) *chain.RunView {
	t.Helper()
	run, err := b.Start(t.Context(), b.tree(t, text), opts)
	if err != nil {
		t.Fatal(err)
	}
	return b.wait(t, run.ID)
}

func (b *bench) wait(t testing.TB, id string) *chain.RunView {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	v, err := b.Wait(ctx, id, "")
	if err != nil {
		t.Fatal(err)
	}
	if !v.Status.Ended() {
		t.Fatalf("the run does not end: %+v", v)
	}
	return v
}

// each runs a test over every kind of store.
func each(t *testing.T, opts chain.RunnerOptions, test func(t *testing.T, b *bench)) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newBench(t, open(t), opts, policy.Config{}))
		})
	}
}
