package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
	"github.com/chainwright/chainwright/executors/shorten"
)

const (
	// drawEvery is how often live lines are drawn.
	drawEvery = 100 * time.Millisecond
	// reportEvery is how often a line is printed where there is no terminal.
	reportEvery = 5 * time.Second
	// quietEvery is how often such a line is printed if nothing has changed.
	quietEvery = time.Minute
	// maxReported bounds the running tasks in such a line.
	maxReported = 3
	// restOfScreen are the lines of the terminal that live lines leave free.
	restOfScreen = 3
)

// progress shows the progress of a run: as live lines on a terminal, as a line
// every few seconds elsewhere.
type progress struct {
	w      io.Writer
	live   bool
	colour bool
	start  time.Time

	mu      sync.Mutex
	done    int
	total   int
	state   string
	running []string
	screen  sync.Mutex
	drawn   int    // lines on the screen
	said    string // the last line, where there is no terminal, and when it was printed
	saidAt  time.Time
	stop    chan struct{}
	stopped chan struct{}
}

// newProgress starts to show progress on a stream. Call finish at the end.
func newProgress(stream io.Writer) *progress {
	p := &progress{w: stream, start: time.Now(), stop: make(chan struct{}), stopped: make(chan struct{})}
	if file := fileOf(stream); file != nil && isTerminal(stream) && enableCursor(file) {
		p.live, p.w = true, file // the file itself, because shown would escape the sequences
		_, p.colour = stream.(*painted)
	}
	every := reportEvery
	if p.live {
		every = drawEvery
	}
	ticker := time.NewTicker(every)
	go func() {
		defer ticker.Stop()
		p.loop(ticker.C)
	}()
	return p
}

// loop draws in its own goroutine, so that a slow terminal delays nothing else.
func (p *progress) loop(tick <-chan time.Time) {
	defer close(p.stopped)
	for {
		select {
		case <-p.stop:
			p.clear()
			return
		case now := <-tick:
			if p.live {
				p.draw()
			} else {
				p.report(now)
			}
		}
	}
}

// counts sets the latest counts of a run.
func (p *progress) counts(c chain.Counts) {
	done, total := c.Done()
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
	close(p.stop)
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

// erase removes the live lines, and what the terminal echoed after them, such as
// ^C.
func (p *progress) erase() {
	if p.drawn > 0 {
		fmt.Fprintf(p.w, "\r\x1b[%dA\x1b[J", p.drawn)
		p.drawn = 0
	}
}

func (p *progress) draw() {
	p.screen.Lock()
	defer p.screen.Unlock()
	columns, rows := width(p.w), height(p.w)
	lines := p.lines(max(rows-restOfScreen, 2))

	var screen strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&screen, "\r\x1b[%dA", p.drawn)
	}
	limit := max(columns, 20) - 1
	for _, line := range lines {
		line = shorten.Runes(harmless(line), limit)
		if p.colour {
			line = colourLine(line)
		}
		screen.WriteString(line + "\x1b[K\n") // over the line before, so that nothing flickers
	}
	if len(lines) < p.drawn {
		screen.WriteString("\x1b[J")
	}
	p.drawn = len(lines)
	fmt.Fprint(p.w, screen.String())
}

// lines returns at most the given number of live lines.
func (p *progress) lines(most int) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := "running for " + took(time.Since(p.start)) // no steps to count
	if p.total > 0 {
		first = fmt.Sprintf("%s %s of %s  %s", bar(p.done, p.total), thousands(p.done), thousands(p.total), took(time.Since(p.start)))
	}
	lines := []string{strings.TrimRight(first+"  "+p.state, " ")}
	for i, name := range p.running {
		if left := len(p.running) - i; len(lines) == most-1 && left > 1 {
			return append(lines, fmt.Sprintf("  … and %d more", left))
		}
		lines = append(lines, "  "+graph.Mark(chain.InProgress)+" "+name)
	}
	return lines
}

// report prints one line, if anything has changed since the last one, or a minute
// has passed.
func (p *progress) report(now time.Time) {
	p.screen.Lock()
	defer p.screen.Unlock()
	p.mu.Lock()
	what := p.state
	if p.total > 0 {
		what = fmt.Sprintf("%s of %s done", thousands(p.done), thousands(p.total))
		if p.state != "" {
			what += ": " + p.state
		}
	}
	if len(p.running) > 0 {
		what += "; running: " + shorten.Names(p.running[:min(len(p.running), maxReported)], len(p.running))
	}
	p.mu.Unlock()
	if what == p.said && (what == "" || now.Sub(p.saidAt) < quietEvery) {
		return
	}
	p.said, p.saidAt = what, now
	fmt.Fprintf(p.w, "%s: %s\n", took(now.Sub(p.start)), strings.TrimSpace(what))
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
