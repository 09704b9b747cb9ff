package engine

import (
	"context"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
)

const (
	// logEvery is how often what tasks put out is stored, and logEager the number
	// of bytes of one task that are stored at once.
	logEvery = 250 * time.Millisecond
	logEager = 256 << 10
	// A log keeps mostLog bytes. When those of a run have mostLogs together, the
	// ones that begin then keep leastLog.
	mostLog, leastLog = 1 << 20, store.MaxLogPart
	mostLogs          = 64 << 20
)

// logs are the logs with text that is not yet in the store.
type logs struct {
	engine *Engine
	wake   chan struct{}
	work   sync.WaitGroup

	mu      sync.Mutex
	open    map[*attemptLog]bool
	working bool // a goroutine stores them
	closed  bool
	stop    chan struct{} // closed with it
}

func newLogs(r *Engine) *logs {
	return &logs{engine: r, wake: make(chan struct{}, 1), open: map[*attemptLog]bool{}, stop: make(chan struct{})}
}

// attemptLog is the log of one attempt.
type attemptLog struct {
	logs *logs
	part store.LogPart // of which run, task, element, attempt and log
	most int           // how many bytes it keeps
	// total counts the bytes of all logs of the run.
	total *atomic.Int64
	// ready reports whether its run is in the store, and may put it there first; nil:
	// it is.
	ready func(put bool) bool

	lost atomic.Int64 // bytes that could not be stored
	busy atomic.Int32 // writes of the store

	mu      sync.Mutex
	text    []byte // not yet stored
	at      int64  // the place of the text
	skipped int64  // how many bytes before the text were dropped
	from    int64  // the place of the first byte that the store keeps
	waits   bool   // logs.open has it
	closed  bool
}

// OpenLog implements executors.Logs.
func (w *worker) OpenLog(call *executors.Call) io.WriteCloser {
	most := mostLog
	if w.run.logged.Load() > mostLogs {
		most = leastLog
	}
	return &attemptLog{logs: w.run.engine.logs, most: most, total: &w.run.logged,
		part: store.LogPart{RunID: w.run.row.ID, Task: int(w.task.Load()), Element: call.Element, Attempt: call.Attempt, Log: rand.Int64()}} //nolint:gosec // no secret
}

// OpenLog implements executors.Logs.
func (c *call) OpenLog(made *executors.Call) io.WriteCloser {
	l := &attemptLog{logs: c.engine.logs, most: mostLog, total: new(atomic.Int64), ready: c.recorded,
		part: store.LogPart{RunID: c.id, Attempt: made.Attempt, Log: rand.Int64()}} //nolint:gosec // no secret
	c.record.Lock()
	defer c.record.Unlock()
	c.logs = append(c.logs, l)
	return l
}

// recorded reports whether the call has a record, and may write it first.
func (c *call) recorded(put bool) bool {
	if put {
		return c.keep(context.Background())
	}
	c.record.Lock()
	defer c.record.Unlock()
	return c.stored
}

// finishLogs stores what is left of the logs of a call that has ended.
func (c *call) finishLogs() {
	c.record.Lock()
	list := c.logs
	c.record.Unlock()
	for _, l := range list {
		l.finish()
	}
}

// Write implements io.Writer.
func (l *attemptLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return len(b), nil
	}
	l.text = append(l.text, b...)
	if len(l.text) > 2*l.most {
		l.shorten()
	}
	if !l.waits {
		if l.waits = l.logs.add(l); !l.waits {
			l.closed, l.text = true, nil
		}
	}
	if len(l.text) > logEager {
		l.logs.hurry()
	}
	return len(b), nil
}

// shorten drops the beginning of a text that is too long.
func (l *attemptLog) shorten() {
	cut := len(l.text) - l.most
	for cut < len(l.text) && !utf8.RuneStart(l.text[cut]) {
		cut++
	}
	l.text = append(l.text[:0], l.text[cut:]...)
	l.at += int64(cut)
	l.skipped += int64(cut)
}

// Close implements io.Closer. What is left is queued for the store, before the end
// of the task is.
func (l *attemptLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed = true; l.ready == nil || l.ready(false) {
		l.store()
	}
	return nil
}

// finish stores what is left of the log of a run that is in the store.
func (l *attemptLog) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.store()
}

// flush stores what there is, unless the store is still busy with what was before,
// or does not have the run. It reports whether nothing is left.
func (l *attemptLog) flush() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.text) > 0 && (l.busy.Load() > 0 || l.ready != nil && !l.ready(true)) {
		return l.closed // who closed it sees to the rest
	}
	l.store()
	l.waits = false
	return true
}

// store queues the text for the store. The lock is held.
func (l *attemptLog) store() {
	if len(l.text) == 0 {
		return
	}
	if len(l.text) > l.most {
		l.shorten()
	}
	text, n := l.text, int64(len(l.text))
	part := l.part
	part.At, part.Skipped = l.at, l.skipped+l.lost.Swap(0)
	l.text, l.at, l.skipped = nil, l.at+n, 0
	var parts []store.LogPart
	for len(text) > 0 {
		size := min(store.MaxLogPart, len(text))
		for size < len(text) && !utf8.RuneStart(text[size]) {
			size--
		}
		part.Text, text = text[:size], text[size:]
		parts = append(parts, part)
		part.At, part.Skipped = part.At+int64(size), 0
	}
	l.total.Add(min(l.at, int64(l.most)) - min(l.at-n, int64(l.most)))
	var trims []store.LogTrim
	if before := l.at - int64(l.most); before > l.from {
		l.from = before
		trims = []store.LogTrim{{RunID: part.RunID, Task: part.Task, Log: part.Log, Before: before}}
	}
	l.busy.Add(1)
	l.logs.engine.opts.Store.AppendLogs(parts, trims, func(err error) {
		l.busy.Add(-1)
		if err != nil {
			l.lost.Add(n)
			l.logs.engine.opts.Log.Warn().Err(err).Str("run_id", part.RunID).Int64("bytes", n).Msg("a part of a task's log could not be stored")
		}
	})
}

// add has a log stored soon.
func (g *logs) add(l *attemptLog) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.open[l] = true
	if !g.working {
		g.working = true
		g.work.Go(g.write)
	}
	return true
}

// hurry has the logs stored now.
func (g *logs) hurry() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// write stores the logs until there is nothing to store.
func (g *logs) write() {
	timer := time.NewTimer(logEvery)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-g.wake:
		case <-g.stop:
		}
		g.mu.Lock()
		list := slices.Collect(maps.Keys(g.open))
		if g.working = len(list) > 0 && !g.closed; !g.working {
			g.mu.Unlock()
			return
		}
		clear(g.open)
		g.mu.Unlock()
		g.flush(list)
		timer.Reset(logEvery)
	}
}

// flush stores logs that are not in the list of open ones any more. Those with text
// left go back there.
func (g *logs) flush(list []*attemptLog) {
	for _, l := range list {
		if !l.flush() {
			g.mu.Lock()
			g.open[l] = true
			g.mu.Unlock()
		}
	}
}

// sync stores the logs of a run, for a reader.
func (g *logs) sync(runID string) {
	g.mu.Lock()
	var list []*attemptLog
	for l := range g.open {
		if l.part.RunID == runID {
			list = append(list, l)
			delete(g.open, l)
		}
	}
	g.mu.Unlock()
	g.flush(list)
}

// end stores what is left. Later text is dropped.
func (g *logs) end() {
	g.mu.Lock()
	if !g.closed {
		g.closed = true
		close(g.stop)
	}
	g.mu.Unlock()
	g.work.Wait()
	g.mu.Lock()
	list := slices.Collect(maps.Keys(g.open))
	g.mu.Unlock()
	for _, l := range list {
		_ = l.Close()
	}
}
