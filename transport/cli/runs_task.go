package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/executors/shorten"
)

const (
	// logFollow is how often the log of a task is read while it runs.
	logFollow = 250 * time.Millisecond
	// logShown is how much of a log is shown unless it is followed, and
	// resultShown how much of a result.
	logShown    = 32 << 10
	resultShown = 4 << 10
)

// oneTask is a task of a run, as JSON has it.
type oneTask struct {
	RunID  string          `json:"run_id"`
	Task   *chain.TaskView `json:"task"`
	Inputs json.RawMessage `json:"inputs,omitempty"` // as recorded, with their references
	Events []chain.Event   `json:"events"`
	Log    []chain.LogPage `json:"log,omitempty"`
}

// task prints one task: its state, inputs, attempts, elements, result and log.
func (c *runsCmd) task(s *session, p *program) error {
	if c.Follow {
		if err := c.followLog(s, p); err != nil {
			return err
		}
	}
	raw, view, err := p.runner.TaskResult(afterwards(s.ctx), c.ID, c.Task, "")
	if err != nil {
		return unknownRun(err)
	}
	one := oneTask{RunID: c.ID, Task: view, Inputs: p.recordedInputs(s, c.ID, view.ID)}
	one.Task.Result = raw
	events, err := p.runner.Events(afterwards(s.ctx), c.ID, "", 0)
	if err != nil {
		return err
	}
	for _, e := range events {
		if e.Task == view.ID {
			one.Events = append(one.Events, e)
		}
	}
	if !c.Follow {
		if one.Log, err = p.endOfLog(s, c.ID, view.ID); err != nil {
			return err
		}
	}
	if c.JSON {
		return s.printJSON(one)
	}
	describeTask(s.out, &one)
	return nil
}

// followLog prints the log of a task as it comes, until the task ends.
func (c *runsCmd) followLog(s *session, p *program) error {
	show := logPrinter{w: s.out}
	for after := int64(0); ; {
		page, err := p.runner.Log(s.ctx, c.ID, c.Task, "", chain.AnyElement, after)
		switch {
		case interrupted(s.ctx):
			return quiet(exitInterrupted)
		case err != nil:
			return unknownRun(err)
		case page.Text != "" && c.JSON:
			err = s.printJSONLine(page)
		case page.Text != "":
			show.print(&page)
		}
		if err != nil {
			return err
		}
		if after = page.Next; page.Ended {
			show.end()
			return nil
		}
		if page.Text == "" && !retry.Sleep(s.ctx, logFollow) {
			return quiet(exitInterrupted)
		}
	}
}

// endOfLog returns the end of the log of a task.
func (p *program) endOfLog(s *session, id, task string) (list []chain.LogPage, err error) {
	for after := int64(-logShown); ; {
		page, err := p.runner.Log(afterwards(s.ctx), id, task, "", chain.AnyElement, after)
		if err != nil || page.Text == "" {
			return list, err
		}
		if len(list) == 0 { // the beginning is not shown, and some of it may be gone
			page.Dropped = page.Offset
		}
		list, after = append(list, page), page.Next
	}
}

// recordedInputs returns the inputs of a task as its run has recorded them.
func (p *program) recordedInputs(s *session, id, task string) json.RawMessage {
	if p.store == nil {
		return nil
	}
	row, err := p.store.Run(afterwards(s.ctx), id)
	if err != nil {
		return nil
	}
	if len(row.Tree) == 0 {
		return row.Inputs
	}
	type source struct {
		ID     string          `json:"id"`
		Inputs json.RawMessage `json:"inputs"`
	}
	var tree struct {
		Tasks     []source `json:"tasks"`
		OnSuccess []source `json:"on_success"`
		OnFailure []source `json:"on_failure"`
		OnCancel  []source `json:"on_cancel"`
		OnExit    []source `json:"on_exit"`
	}
	if json.Unmarshal(row.Tree, &tree) != nil && json.Unmarshal(row.Tree, &tree.Tasks) != nil {
		return nil
	}
	for _, list := range [][]source{tree.Tasks, tree.OnSuccess, tree.OnFailure, tree.OnCancel, tree.OnExit} {
		for i, each := range list {
			if each.ID == task || each.ID == "" && fmt.Sprintf("task_%d", i+1) == task {
				return each.Inputs
			}
		}
	}
	return nil
}

// describeTask prints a task as text.
func describeTask(w io.Writer, one *oneTask) {
	t := one.Task
	fmt.Fprintf(w, "task %s (%s): %s\n", label(t), t.Executor, strings.ReplaceAll(string(t.Status), "_", " "))
	if t.StartedAt != nil {
		fmt.Fprintf(w, "started: %s\n", t.StartedAt.Local().Format("2006-01-02 15:04:05"))
	}
	if t.StartedAt != nil && t.CompletedAt != nil {
		fmt.Fprintf(w, "took:    %s\n", took(t.CompletedAt.Sub(*t.StartedAt)))
	}
	if t.Reason != "" {
		fmt.Fprintf(w, "skipped: because of its %s\n", t.Reason)
	}
	if len(one.Inputs) > 0 {
		fmt.Fprintf(w, "inputs:  %s\n", shorten.Line(string(one.Inputs), resultShown))
	}
	describeAttempts(w, one)
	if len(t.Result) > 0 {
		fmt.Fprintf(w, "result:  %s\n", shorten.Line(string(t.Result), resultShown))
	}
	if t.Error != "" {
		fmt.Fprintf(w, "error:   %s (%s)\n", shorten.Line(t.Error, resultShown), t.ErrorType)
	}
	if t.Hint != "" {
		fmt.Fprintf(w, "hint:    %s\n", atTerminal(t.Hint))
	}
	if len(one.Log) > 0 {
		fmt.Fprintln(w, "log:")
		show := logPrinter{w: w}
		for i := range one.Log {
			show.print(&one.Log[i])
		}
		show.end()
	}
}

// describeAttempts prints the attempts of a task that failed, and its elements.
func describeAttempts(w io.Writer, one *oneTask) {
	elements, told := map[int]chain.State{}, 0
	for i := range one.Events {
		e := &one.Events[i]
		if e.Element != nil {
			elements[*e.Element] = e.State
		}
		if e.Error == "" || e.State != chain.InProgress && e.Element == nil {
			continue // the last error follows the attempts
		}
		if told++; told > maxFailures {
			continue
		}
		where := fmt.Sprintf("attempt %d", e.Attempt)
		if e.Element != nil {
			where = fmt.Sprintf("element %d, attempt %d", *e.Element, e.Attempt)
		}
		fmt.Fprintf(w, "  %s failed: %s\n", where, shorten.Line(e.Error, 300))
	}
	if told > maxFailures {
		fmt.Fprintf(w, "  … and %s\n", plural(told-maxFailures, "more failed attempt"))
	}
	if n := one.Task.Attempts; n > 1 {
		fmt.Fprintf(w, "attempts: %d\n", n)
	}
	if len(elements) > 0 {
		counts := chain.Counts{}
		for _, state := range elements {
			counts[state]++
		}
		fmt.Fprintf(w, "elements: %s\n", inWords(counts))
	}
}

// logPrinter prints the pages of a log as text. Where the attempt or the element
// changes, it says so.
type logPrinter struct {
	w       io.Writer
	attempt int
	element int // -1: none
	begun   bool
	open    bool // the line has no end yet
}

func (l *logPrinter) print(page *chain.LogPage) {
	element := -1
	if page.Element != nil {
		element = *page.Element
	}
	if !l.begun || page.Attempt != l.attempt || element != l.element {
		first := !l.begun
		l.begun, l.attempt, l.element = true, page.Attempt, element
		switch {
		case element >= 0 && page.Attempt > 1:
			l.note("element %d, attempt %d", element, page.Attempt)
		case element >= 0:
			l.note("element %d", element)
		case !first || page.Attempt > 1:
			l.note("attempt %d", page.Attempt)
		}
	}
	if page.Dropped > 0 {
		l.note("… %s before this", bytesOf(page.Dropped))
	}
	text := withoutEscapes(page.Text)
	_, _ = io.WriteString(l.w, text)
	l.open = !strings.HasSuffix(text, "\n")
}

// note prints a line of its own.
func (l *logPrinter) note(format string, args ...any) {
	l.end()
	fmt.Fprintf(l.w, "--- "+format+" ---\n", args...)
}

// end ends a line.
func (l *logPrinter) end() {
	if l.open {
		fmt.Fprintln(l.w)
	}
	l.open = false
}

// bytesOf returns a number of bytes in words.
func bytesOf(n int64) string {
	if n < 10_000 {
		return plural(int(n), "byte")
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// withoutEscapes removes what programs write for the colours of a terminal, and
// makes lines of what a carriage return would replace.
func withoutEscapes(text string) string {
	const begins = "\x1b["
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	if !strings.Contains(text, begins) {
		return text
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, begins)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		end := strings.IndexFunc(after, func(r rune) bool { return r >= 0x40 && r <= 0x7e })
		if end < 0 {
			return b.String()
		}
		text = after[end+1:]
	}
}
