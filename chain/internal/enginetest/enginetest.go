// Package enginetest checks what every chain.Engine must do. An engine's own
// test calls Run. Core is the part that needs PrepareRun, PrepareRetry, Get and
// Wait only, and no tasks that run at the same time as their caller.
package enginetest

import (
	"context"
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// New returns a new engine that runs the executors of a registry and has no
// runs on record. The suite closes it.
type New func(t testing.TB, registry *executors.Registry) chain.Engine

var core = map[string]func(t *testing.T, b *Bench){
	"for_each of 500":        forEachOf500,
	"start refuses options":  startRefuses,
	"idempotency key":        idempotencyKey,
	"others see no run":      othersSeeNoRun,
	"retry":                  retryRun,
	"retry of named tasks":   retryNamedTasks,
	"retry behind a failure": retryBehindAFailure,
	"retry of handlers":      retryHandlers,
}

var rest = map[string]func(t *testing.T, b *Bench){
	"long result":                longResult,
	"history of a retry":         retryHistory,
	"outputs after a retry":      retryOutputs,
	"principals":                 principals,
	"call":                       call,
	"call refused":               callRefused,
	"log":                        log,
	"log of a retry":             logOfRetry,
	"log of a call":              logOfCall,
	"long log":                   longLog,
	"call reports progress":      callProgress,
	"call cancelled":             callCancelled,
	"call cancelled by its run":  callCancelledByItsRun,
	"call goes on":               callGoesOn,
	"call goes on, then fails":   callGoesOnThenFails,
	"call ends in time":          callEndsInTime,
	"retry of a call":            retryCall,
	"list is paged":              listIsPaged,
	"approved":                   approved,
	"rejected":                   rejected,
	"answered by schema":         answeredBySchema,
	"first answer counts":        firstAnswerCounts,
	"question times out":         questionTimesOut,
	"question is cancelled":      questionCancelled,
	"question holds no slot":     questionHoldsNoSlot,
	"question is not asked":      questionNotAsked,
	"question asked again":       questionAskedAgain,
	"who may answer":             whoMayAnswer,
	"cancel":                     cancelRun,
	"cancel of a task":           cancelSubtree,
	"cancel of a run in a task":  cancelNested,
	"cancel runs handlers":       cancelRunsHandlers,
	"cancel during handlers":     cancelDuringHandlers,
	"cancel twice":               cancelTwice,
	"retry of other handlers":    retryOtherHandlers,
	"watch":                      watch,
	"retry while it goes on":     retryWhileItGoesOn,
	"prepare":                    prepare,
	"prepare a retry":            prepareRetry,
	"prepared, then changed":     preparedThenChanged,
	"goes on without its caller": goesOnWithoutItsCaller,
}

// Run checks an engine.
func Run(t *testing.T, open New) {
	everything.run(t, open)
}

// Core checks the results of runs: states, errors and results of every task and
// along dependencies, conditions, for_each, retries, on_failure, idempotency
// keys and principals.
func Core(t *testing.T, open New) {
	onlyCore.run(t, open)
}

// part is the part of the suite that is run.
type part int

const (
	everything part = iota
	onlyCore
)

func (p part) run(t *testing.T, open New) {
	t.Run("runs", func(t *testing.T) { runs(t, open, p) })
	tests := maps.Clone(core)
	if p == everything {
		maps.Copy(tests, rest)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, p.bench(t, open))
		})
	}
}

func (p part) bench(t *testing.T, open New) *Bench {
	b := NewBench(t, open, policy.Config{})
	b.part = p
	return b
}

// Bench is an engine with the executors of a test.
type Bench struct {
	chain.Engine
	Probes   *Probes
	Registry *executors.Registry
	part     part
}

// Start prepares a run and starts it.
func (b *Bench) Start(ctx context.Context, tree *chain.Tree, opts chain.RunOptions) (*chain.Run, error) {
	return chain.Start(ctx, b.Engine, tree, opts)
}

// Call prepares a call and makes it.
func (b *Bench) Call(ctx context.Context, executor string, args json.RawMessage, opts chain.CallOptions) chain.CallResult {
	return chain.Call(ctx, b.Engine, executor, args, opts)
}

// Retry prepares the retry of a run and starts it.
func (b *Bench) Retry(ctx context.Context, runID string, tasks []string, principal string) (*chain.Run, error) {
	return chain.Retry(ctx, b.Engine, runID, tasks, principal)
}

// NewBench returns a new engine with probes, which the test closes at its end.
func NewBench(t testing.TB, open New, cfg policy.Config) *Bench {
	t.Helper()
	b := &Bench{Probes: NewProbes()}
	b.Registry = b.Probes.Registry(t, cfg)
	b.Engine = open(t, b.Registry)
	b.Probes.inner = func(ctx context.Context, parent, text string) error {
		tree, report := parse.Parse([]byte(text), b.Registry, parse.Options{})
		if err := report.Err(); err != nil {
			return err
		}
		run, err := b.Start(ctx, tree, chain.RunOptions{Parent: parent})
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
			t.Errorf("closing the engine: %v", err)
		}
	})
	return b
}

// Tree parses a tree that must be valid.
func (b *Bench) Tree(t testing.TB, text string) *chain.Tree {
	t.Helper()
	tree, report := parse.Parse([]byte(text), b.Registry, parse.Options{})
	if err := report.Err(); err != nil {
		t.Fatalf("the tree is not valid: %v", err)
	}
	return tree
}

// RunTree runs a tree to its end.
func (b *Bench) RunTree(t testing.TB, text string, opts chain.RunOptions) *chain.RunView {
	t.Helper()
	run, err := b.Start(t.Context(), b.Tree(t, text), opts)
	if err != nil {
		t.Fatal(err)
	}
	return b.End(t, run.ID)
}

// End waits for the end of a run.
func (b *Bench) End(t testing.TB, id string) *chain.RunView {
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
