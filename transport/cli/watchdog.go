package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chainwright/chainwright/transport/internal/config"
)

const (
	// stopMargin is the time that stopping may take in addition to twice the
	// grace period: calls in progress have it to end, and cancelled ones to stop.
	stopMargin = 5 * time.Second
	// lastLine is the time for the last line on stderr, whose reader may be stuck.
	lastLine = time.Second
)

// watchdog ends the process if stopping takes too long, because something does
// not return: a call that ignores its context, or an executor that does not close.
type watchdog struct {
	grace atomic.Int64 // nanoseconds
	err   io.Writer
	once  sync.Once
	timer *time.Timer
}

func newWatchdog(err io.Writer) *watchdog {
	w := &watchdog{err: err}
	w.grace.Store(int64(config.Defaults().Grace))
	return w
}

// start sets the limit when the process begins to stop. Later calls have no
// effect.
func (w *watchdog) start() {
	w.once.Do(func() {
		limit := 2*time.Duration(w.grace.Load()) + stopMargin
		w.timer = time.AfterFunc(limit, func() { w.exit(limit) })
	})
}

// end removes the limit: the process has stopped.
func (w *watchdog) end() {
	w.once.Do(func() {})
	if w.timer != nil {
		w.timer.Stop()
	}
}

func (w *watchdog) exit(limit time.Duration) {
	written := make(chan struct{})
	go func() {
		fmt.Fprintf(w.err, "chainwright: stopping took longer than %s, because a call or an executor does not return; exiting without it (exit code %d)\n", limit, exitStuck)
		close(written)
	}()
	select {
	case <-written:
	case <-time.After(lastLine):
	}
	os.Exit(exitStuck)
}

// ending is an input that starts the watchdog when it ends.
type ending struct {
	io.Reader
	watchdog *watchdog
}

func (e ending) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if err != nil {
		e.watchdog.start()
	}
	return n, err
}
