package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/step"
	"github.com/chainwright/chainwright/chain/limit"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// within marks the contexts of calls, which hold permits, with the id of the
// outermost run. Work that is started from inside a call must not wait for a
// permit, or both could wait forever.
type within struct{}

// enclose returns a context for the calls of a run, the outermost run, and
// whether that is another one.
func enclose(ctx context.Context, run string) (inside context.Context, outermost string, nested bool) {
	if outermost, nested = ctx.Value(within{}).(string); nested {
		return ctx, outermost, true
	}
	return context.WithValue(ctx, within{}, run), run, false
}

// preparedRun implements chain.PreparedRun for a new run.
type preparedRun struct {
	engine *Engine
	tree   *chain.Tree
	inputs map[string]any
	opts   chain.RunOptions
	defs   definitions
}

// PrepareRun implements chain.Engine.
func (r *Engine) PrepareRun(tree *chain.Tree, opts chain.RunOptions) (chain.PreparedRun, error) {
	if problem := opts.Check(); problem != nil {
		return nil, problem
	}
	inputs, problem := tree.BindInputs(opts.Inputs)
	if problem != nil {
		return nil, problem
	}
	if problem := step.Allowed(r.opts.Registry, tree); problem != nil {
		return nil, problem
	}
	return &preparedRun{engine: r, tree: tree, inputs: inputs, opts: opts, defs: r.definitionsOf(tree)}, nil
}

// Target implements chain.PreparedRun.
func (p *preparedRun) Target() (*chain.Tree, map[string]any, []int) {
	tasks := make([]int, len(p.tree.Tasks))
	for i := range tasks {
		tasks[i] = i
	}
	return p.tree, p.inputs, tasks
}

// Start implements chain.PreparedRun.
func (p *preparedRun) Start(ctx context.Context) (*chain.Run, error) {
	r, tree, inputs, opts := p.engine, p.tree, p.inputs, p.opts
	if problem := r.allUnchanged(p.defs); problem != nil {
		return nil, problem
	}
	_, _, nested := enclose(ctx, "")
	if !nested { // the task that started it waits for it
		begin, err := r.admit(opts.Principal, len(tree.Tasks))
		if err != nil {
			return nil, err
		}
		if !begin {
			return p.enqueue(ctx)
		}
	}
	now := time.Now()
	row, err := r.newRow(ctx, tree, inputs, opts, now)
	if err != nil {
		r.giveUpSlot(!nested, len(tree.Tasks))
		return nil, err
	}
	x := newRun(r, row, tree, inputs, nil)
	x.counted, x.weight = !nested, len(tree.Tasks)
	if err := r.enter(ctx, x); err != nil {
		r.giveUpSlot(!nested, len(tree.Tasks))
		return nil, err
	}
	begun := time.Now()
	// The row is written even if the caller goes away, and has to be driven then.
	existing, err := r.opts.Store.Create(context.WithoutCancel(ctx), row)
	if err != nil || existing != nil {
		r.ended(x)
		close(x.done)
	}
	switch {
	case err != nil:
		return nil, storeError(err)
	case existing == nil:
		r.own(x, begun)
		x.beginSpan(ctx)
		r.drive(ctx, x)
		return &chain.Run{ID: row.ID}, nil
	}
	run, err := sameKey(existing, row)
	if err == nil && existing.Parent != "" {
		err = r.resumePart(ctx, existing)
	}
	return run, err
}

// sameKey returns the run that has the idempotency key of a new one, if it is the
// same work.
func sameKey(existing, row *store.Run) (*chain.Run, error) {
	if existing.Digest != row.Digest {
		return nil, executors.Errorf(executors.ValidationError, "the idempotency key %q was used for another tree or other inputs", row.Key).
			WithField("idempotency_key").WithHint("use a new key for a new run")
	}
	return &chain.Run{ID: existing.ID, Reused: true}, nil
}

// resumePart continues a run that was started from inside a task, if no process
// drives it: the process that has taken over the task's run does.
func (r *Engine) resumePart(ctx context.Context, row *store.Run) error {
	if !r.orphan(row, r.liveRun(row.ID) != nil) {
		return nil
	}
	left, err := r.restore(ctx, row)
	if err == nil {
		err = r.resume(ctx, left)
	}
	if errors.Is(err, store.ErrLost) {
		return nil
	}
	return err
}

// newRow returns the record of a new run.
func (r *Engine) newRow(ctx context.Context, tree *chain.Tree, inputs map[string]any, opts chain.RunOptions, now time.Time) (*store.Run, error) {
	raw, err := plainjson.Marshal(inputs)
	if err != nil {
		return nil, executors.Errorf(executors.ValidationError, "the run inputs are not JSON: %w", err).WithField("inputs")
	}
	hide := r.opts.Registry.Policy().Redact
	row := &store.Run{
		ID: newID(), Kind: store.KindTree, Principal: opts.Principal, Name: tree.Name, UserID: opts.UserID,
		Policy: r.opts.Registry.Policy().Digest(), Config: r.opts.Config, Trace: opts.Trace, Labels: opts.Labels, Within: withinOf(ctx), Parent: opts.Parent,
		Key: opts.IdempotencyKey, Owner: r.opts.Owner, Status: string(chain.InProgress),
		Counts: map[string]int{string(chain.Pending): tree.Main()},
		Tree:   hide(tree.Source()), Inputs: hide(raw), Tasks: tasksOf(tree, opts.UserID),
		MaxParallel: opts.MaxParallel, OnFailure: opts.OnFailure, CreatedAt: now,
	}
	if row.MaxParallel == 0 {
		row.MaxParallel = defaultParallel
	}
	if row.Key != "" {
		sum := sha256.Sum256(append([]byte(tree.Hash()), raw...))
		row.Digest = hex.EncodeToString(sum[:])
	}
	return row, nil
}

// enter adds a run to the live runs.
func (r *Engine) enter(ctx context.Context, x *run) error {
	x.base, x.outermost, x.nested = enclose(context.WithoutCancel(ctx), x.row.ID)
	if lend, ok := ctx.Value(lends{}).(func() func()); ok && x.nested {
		x.outer = lend()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return errClosing()
	}
	if r.live[x.row.ID] != nil {
		return stillGoing(x.row.ID)
	}
	r.live[x.row.ID] = x
	if !x.nested && !x.counted {
		x.counted, x.weight = true, len(x.tree.Tasks)
		r.queue.take(x.weight)
	}
	if own := r.principals.Enter(x.row.Principal); own != nil {
		x.shares.principal = limit.NewShare(own, x.row.Principal, x.inbox.grant)
	}
	delete(r.unsaved, x.row.ID)
	r.startWatch()
	return nil
}

// drive starts the scheduler of a run. A run that was started from inside a task
// ends with it.
func (r *Engine) drive(ctx context.Context, x *run) {
	if x.nested {
		stop := context.AfterFunc(ctx, func() {
			cause := context.Cause(ctx)
			x.inbox.post(func() { x.endWith(cause) })
		})
		go func() {
			defer stop()
			x.drive()
		}()
		return
	}
	go x.drive()
}

// ended removes a run from the live runs.
func (r *Engine) ended(x *run) {
	r.mu.Lock()
	defer r.beginQueued()
	defer r.mu.Unlock()
	delete(r.live, x.row.ID)
	if x.counted {
		r.queue.give(x.weight)
	}
	r.principals.Leave(x.row.Principal)
	r.checkIdle()
}
