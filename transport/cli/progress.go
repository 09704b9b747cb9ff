package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/shorten"
)

// maxRunning bounds the running tasks that are shown by name.
const maxRunning = 6

// progress shows the progress of a run as live lines on a terminal. It shows
// nothing if the stream is not a terminal.
type progress struct {
	w     io.Writer
	live  bool
	start time.Time

	mu      sync.Mutex
	done    int
	total   int
	state   string
	running []string
	screen  sync.Mutex
	drawn   int // lines on the screen
	stop    chan struct{}
	stopped chan struct{}
}

// newProgress starts to show progress on a stream. Call finish at the end.
func newProgress(stream io.Writer) *progress {
	p := &progress{w: stream, start: time.Now(), stop: make(chan struct{}), stopped: make(chan struct{})}
	if file := fileOf(stream); file != nil && isTerminal(stream) && enableCursor(file) {
		p.live, p.w = true, file // the file itself, because shown would escape the sequences
	}
	if !p.live {
		close(p.stopped)
		return p
	}
	go p.loop()
	return p
}

// loop draws in its own goroutine, so that a slow terminal delays nothing else.
func (p *progress) loop() {
	defer close(p.stopped)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			p.clear()
			return
		case <-tick.C:
			p.draw()
		}
	}
}

// counts sets the latest counts of a run.
func (p *progress) counts(c chain.Counts) {
	done, total := 0, 0
	for state, n := range c {
		total += n
		if state.Ended() {
			done += n
		}
	}
	p.set(done, total, inWords(c))
}

// set sets the steps done, the total and the message.
func (p *progress) set(done, total int, state string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.total, p.state = done, total, state
}

// tasks sets the names of the running tasks.
func (p *progress) tasks(running []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = running
}

// finish removes the live lines.
func (p *progress) finish() {
	if p.live {
		close(p.stop)
	}
	<-p.stopped
}

// hold removes the live lines while a person answers a question. Call the
// returned function to show them again.
func (p *progress) hold() (release func()) {
	p.screen.Lock()
	p.erase()
	return p.screen.Unlock
}

func (p *progress) clear() {
	p.screen.Lock()
	defer p.screen.Unlock()
	p.erase()
}

func (p *progress) erase() {
	if p.drawn > 0 {
		fmt.Fprintf(p.w, "\x1b[%dA\x1b[J", p.drawn)
		p.drawn = 0
	}
}

func (p *progress) draw() {
	p.screen.Lock()
	defer p.screen.Unlock()
	p.mu.Lock()
	first := "running for " + took(time.Since(p.start)) // no steps to count
	if p.total > 0 {
		first = fmt.Sprintf("%s %d of %d  %s", bar(p.done, p.total), p.done, p.total, took(time.Since(p.start)))
	}
	lines := []string{strings.TrimRight(first+"  "+p.state, " ")}
	for i, name := range p.running {
		if i == maxRunning {
			lines = append(lines, fmt.Sprintf("  … and %d more", len(p.running)-maxRunning))
			break
		}
		lines = append(lines, "  ▸ "+name)
	}
	p.mu.Unlock()

	var screen strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&screen, "\x1b[%dA\x1b[J", p.drawn)
	}
	limit := max(width(p.w), 40) - 1
	for _, line := range lines {
		screen.WriteString(shorten.Runes(harmless(line), limit) + "\n")
	}
	p.drawn = len(lines)
	fmt.Fprint(p.w, screen.String())
}

func bar(done, total int) string {
	const cells = 20
	full := 0
	if total > 0 {
		full = min(cells, done*cells/total)
	}
	return "[" + strings.Repeat("█", full) + strings.Repeat("░", cells-full) + "]"
}

// inWords returns the counts as text, in the order of a task's states.
func inWords(c chain.Counts) string {
	var parts []string
	for _, state := range []chain.State{chain.InProgress, chain.Waiting, chain.Completed, chain.Failed, chain.Skipped, chain.Cancelled, chain.Pending} {
		if n := c[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, strings.ReplaceAll(string(state), "_", " ")))
		}
	}
	return strings.Join(parts, ", ")
}
