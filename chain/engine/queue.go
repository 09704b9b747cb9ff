package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

const (
	// defaultMaxLive is how many runs are in progress here at once, others wait,
	// and mostTasks how many tasks they may have together: each takes memory.
	defaultMaxLive = 1000
	mostTasks      = 100_000
	// defaultMaxQueued is how many runs of this process may wait.
	defaultMaxQueued = 20_000
	// beginAtOnce is how many queued runs are read and claimed at once.
	beginAtOnce = 64
	// queueRetryAfter is after how long a caller may try again when the queue is
	// full.
	queueRetryAfter = 5 * time.Second
)

// runQueue holds the runs of this process that have not begun, because enough are
// in progress. What they are is in the store; another process may begin them. The
// runs of a principal begin in order, and the principals take turns. Engine.mu
// guards it.
type runQueue struct {
	maxLive, maxQueued, maxPrincipal int // maxPrincipal 0: no limit
	live, tasks                      int // of the runs in progress here
	beginning                        int
	waiting                          int
	turns                            []*queueLine // those with runs; the first is next
	lines                            map[string]*queueLine
	runs                             map[string]*queuedRun
}

// queueLine holds the queued runs of a principal. coming are those that are about
// to be recorded.
type queueLine struct {
	principal string
	runs      []*queuedRun
	coming    int
}

type queuedRun struct {
	id        string
	principal string
	tasks     int
	begun     chan struct{} // closed when it is not queued here any more
}

func newRunQueue(limits policy.Limits) runQueue {
	q := runQueue{maxLive: limits.MaxLive, maxQueued: limits.MaxQueued, maxPrincipal: limits.Principal.MaxQueued,
		lines: map[string]*queueLine{}, runs: map[string]*queuedRun{}}
	if q.maxLive == 0 {
		q.maxLive = defaultMaxLive
	}
	if q.maxQueued == 0 {
		q.maxQueued = defaultMaxQueued
	}
	return q
}

// fits reports whether a run with so many tasks can begin.
func (q *runQueue) fits(tasks int) bool {
	return q.live == 0 || q.live < q.maxLive && q.tasks+tasks <= mostTasks
}

// take counts a run in progress, and give its end.
func (q *runQueue) take(tasks int) { q.live, q.tasks = q.live+1, q.tasks+tasks }
func (q *runQueue) give(tasks int) { q.live, q.tasks = q.live-1, q.tasks-tasks }

// reserve makes room for a run that is about to be recorded as queued.
func (q *runQueue) reserve(principal string) *executors.Error {
	line := q.lines[principal]
	own := 0
	if line != nil {
		own = len(line.runs) + line.coming
	}
	switch {
	case q.waiting >= q.maxQueued:
		return queueFull(q.waiting, "this server", q.maxQueued, "policy.limits.max_queued")
	case q.maxPrincipal > 0 && own >= q.maxPrincipal:
		return queueFull(own, "this caller", q.maxPrincipal, "policy.limits.principal.max_queued")
	}
	if line == nil {
		line = &queueLine{principal: principal}
		q.lines[principal] = line
	}
	line.coming++
	q.waiting++
	return nil
}

func queueFull(n int, whose string, limit int, setting string) *executors.Error {
	return executors.Errorf(executors.ExecutionError, "%d runs of %s wait to begin, and at most %d may; nothing was started", n, whose, limit).
		WithCode(codeTooFast).Retry(queueRetryAfter).
		WithHint("start it again when others have ended; cancel_run takes a run out of the queue, and the operator sets the limit with " + setting)
}

// leave gives back what reserve took; add queues the run.
func (q *runQueue) leave(principal string) {
	q.lines[principal].coming--
	q.waiting--
	q.tidy(q.lines[principal])
}

func (q *runQueue) add(run *queuedRun) {
	line := q.lines[run.principal]
	line.coming--
	if len(line.runs) == 0 {
		q.turns = append(q.turns, line)
	}
	line.runs = append(line.runs, run)
	q.runs[run.id] = run
}

// next removes the next run that can begin, and counts it as in progress; nil if
// there is none. A run that does not fit holds up the others, or it would never
// begin.
func (q *runQueue) next() *queuedRun {
	if len(q.turns) == 0 || q.beginning >= beginAtOnce || !q.fits(q.turns[0].runs[0].tasks) {
		return nil
	}
	line := q.turns[0]
	run := line.runs[0]
	line.runs[0] = nil
	line.runs = line.runs[1:]
	q.turns = q.turns[1:]
	if len(line.runs) > 0 {
		q.turns = append(q.turns, line)
	}
	q.waiting--
	q.beginning++
	q.tidy(line)
	q.take(run.tasks)
	return run
}

// remove removes a run that is not to begin here any more.
func (q *runQueue) remove(id string) {
	run := q.runs[id]
	if run == nil {
		return
	}
	line := q.lines[run.principal]
	if line == nil {
		return // it is beginning
	}
	i := slices.Index(line.runs, run)
	if i < 0 {
		return
	}
	line.runs = slices.Delete(line.runs, i, i+1)
	q.waiting--
	delete(q.runs, id)
	close(run.begun)
	if len(line.runs) == 0 {
		q.turns = slices.DeleteFunc(q.turns, func(l *queueLine) bool { return l == line })
	}
	q.tidy(line)
}

func (q *runQueue) tidy(line *queueLine) {
	if len(line.runs) == 0 && line.coming == 0 {
		delete(q.lines, line.principal)
	}
}

// admit counts a new run as in progress, unless it has to be queued: then it makes
// room for that.
func (r *Engine) admit(principal string, tasks int) (begin bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return false, errClosing()
	}
	if r.queue.waiting == 0 && r.queue.fits(tasks) {
		r.queue.take(tasks)
		return true, nil
	}
	if full := r.queue.reserve(principal); full != nil {
		return false, full
	}
	return false, nil
}

// giveUpSlot undoes admit.
func (r *Engine) giveUpSlot(taken bool, tasks int) {
	if !taken {
		return
	}
	r.mu.Lock()
	r.queue.give(tasks)
	r.mu.Unlock()
	r.beginQueued()
}

// enqueue records a new run as queued.
func (p *preparedRun) enqueue(ctx context.Context) (*chain.Run, error) {
	r := p.engine
	unqueue := func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.queue.leave(p.opts.Principal)
	}
	row, err := r.newRow(ctx, p.tree, p.inputs, p.opts, time.Now())
	if err != nil {
		unqueue()
		return nil, err
	}
	row.Owner, row.Status = "", string(chain.Queued)
	existing, err := r.opts.Store.Create(ctx, row)
	switch {
	case err != nil:
		unqueue()
		return nil, storeError(err)
	case existing != nil:
		unqueue()
		return sameKey(existing, row)
	}
	r.line(row.ID, row.Principal, len(p.tree.Tasks))
	return &chain.Run{ID: row.ID}, nil
}

// line adds a run to the queue that is recorded as queued.
func (r *Engine) line(id, principal string, tasks int) {
	r.mu.Lock()
	r.queue.add(&queuedRun{id: id, principal: principal, tasks: tasks, begun: make(chan struct{})})
	r.mu.Unlock()
	r.beginQueued()
}

// beginQueued begins queued runs while there is room.
func (r *Engine) beginQueued() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.closing {
		run := r.queue.next()
		if run == nil {
			return
		}
		r.watched.Go(func() { r.begin(run) })
	}
}

// queuedHere returns a run that is queued in this process, or nil.
func (r *Engine) queuedHere(id string) *queuedRun {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.queue.runs[id]
}

// awaitBegin waits until a run that is queued here is so no more. It returns false
// if it is not queued here, or if the context ends first.
func (r *Engine) awaitBegin(ctx context.Context, id string) bool {
	run := r.queuedHere(id)
	if run == nil {
		return false
	}
	select {
	case <-run.begun:
		return true
	case <-ctx.Done():
		return false
	}
}

// unqueue removes a run that was cancelled from the queue.
func (r *Engine) unqueue(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue.remove(id)
}

// canAdopt reports whether this process can continue another run that has begun
// before. There is room beyond the limit for those, or queued runs would always be
// first.
func (r *Engine) canAdopt() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	most := r.queue.maxLive
	return r.queue.live <= most+most/4 && r.queue.tasks <= mostTasks+mostTasks/4
}

// adoptQueued begins runs that were queued elsewhere, if none of this process
// waits.
func (r *Engine) adoptQueued(ctx context.Context) {
	r.mu.Lock()
	room := 0
	if r.queue.waiting == 0 && r.queue.tasks < mostTasks {
		room = min(r.queue.maxLive-r.queue.live, adoptAtOnce)
	}
	r.mu.Unlock()
	if room <= 0 {
		return
	}
	ids, err := r.opts.Store.Queued(ctx, room)
	if err != nil {
		if ctx.Err() == nil {
			r.opts.Log.Warn().Err(err).Msg("could not look for queued runs")
		}
		return
	}
	for _, id := range ids {
		if ctx.Err() != nil {
			return
		}
		if r.queuedHere(id) != nil {
			continue
		}
		if err := r.adoptRun(ctx, id); err != nil && !errors.Is(err, store.ErrLost) && !errors.Is(err, store.ErrNotFound) && ctx.Err() == nil {
			r.opts.Log.Warn().Err(err).Str("run_id", id).Msg("a queued run could not be begun; it is tried again")
		}
	}
}
