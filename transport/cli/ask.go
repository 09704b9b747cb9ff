package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/user"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/shorten"
)

// asker reads a person's lines from the terminal. A read can't be interrupted, so
// the line of a question that is withdrawn is dropped when it comes: it answers no
// other question.
type asker struct {
	s       *session
	reader  *bufio.Reader
	pending chan line
	stale   bool
}

type line struct {
	text string
	err  error
}

// person reports whether a person is at the terminal.
func (s *session) person() bool { return isTerminal(s.in) && isTerminal(s.err) }

// read shows a prompt and returns the line that the person types.
func (a *asker) read(ctx context.Context, prompt string) (string, error) {
	for {
		fmt.Fprint(a.s.err, prompt)
		if a.pending == nil {
			if a.reader == nil {
				a.reader = bufio.NewReader(a.s.in)
			}
			next := make(chan line, 1)
			a.pending, a.stale = next, false
			go func() { // it ends with the process
				text, err := a.reader.ReadString('\n')
				next <- line{strings.TrimSpace(text), err}
			}()
		}
		select {
		case <-ctx.Done():
			a.stale = true
			fmt.Fprintln(a.s.err)
			return "", context.Cause(ctx)
		case said := <-a.pending:
			a.pending = nil
			if a.stale && said.err == nil {
				continue // it was typed for another question
			}
			if said.err != nil && said.text == "" {
				return "", fmt.Errorf("reading the answer: %w", said.err)
			}
			return said.text, nil
		}
	}
}

// present shows a question. The lines that come from the tree are marked, so that
// they can't look like the program's own.
func (a *asker) present(w *chain.WaitingTask) {
	out, q := a.s.err, &w.Approval
	where := w.RunID
	if w.Run != "" {
		where = w.Run + " (" + w.RunID + ")"
	}
	fmt.Fprintf(out, "\nTask %s of run %s asks:\n", taskName(w), where)
	quote := func(text string) {
		for each := range strings.Lines(text) {
			fmt.Fprintf(out, "  │ %s\n", strings.TrimRight(each, "\r\n"))
		}
	}
	quote(q.Message)
	if q.Inputs != nil {
		quote(indented(q.Inputs))
	}
	if q.Schema != nil {
		fmt.Fprintln(out, "The answer is a JSON object of this schema:")
		quote(indented(q.Schema))
	}
	if q.Until != nil {
		fmt.Fprintf(out, "It times out at %s (%s).\n", q.Until.Local().Format("2006-01-02 15:04:05"), q.OnTimeout)
	}
}

// taskName returns the id of a task, and its name if it has one.
func taskName(w *chain.WaitingTask) string {
	if w.Name == "" || w.Name == w.Task || w.Name == chain.ApprovalID {
		return w.Task
	}
	return w.Task + " (" + w.Name + ")"
}

func indented(raw json.RawMessage) string {
	var out bytes.Buffer
	if json.Indent(&out, raw, "", "  ") != nil {
		return string(raw)
	}
	return out.String()
}

// decide asks the person to decide. It returns no decision if the person wants to
// answer later.
func (a *asker) decide(ctx context.Context, w *chain.WaitingTask, value json.RawMessage) (*chain.Answer, error) {
	answer := &chain.Answer{Way: chain.WayTerminal, Principal: atKeyboard(), Shown: w.Approval.Digest, Value: value}
	const choose = "Approve? [y = yes, n = reject, Enter = decide later] "
	if w.Approval.Schema != nil && value == nil {
		text, err := a.read(ctx, "Answer [a JSON object, n = reject, Enter = decide later] ")
		switch {
		case err != nil || text == "":
			return nil, err
		case isNo(text):
			answer.Decision = chain.Rejected
			return answer, nil
		}
		answer.Decision, answer.Value = chain.Approved, json.RawMessage(text)
		return answer, nil
	}
	if value != nil {
		fmt.Fprintf(a.s.err, "Your answer: %s\n", shorten.Line(string(value), 2000))
	}
	text, err := a.read(ctx, choose)
	switch {
	case err != nil:
		return nil, err
	case strings.EqualFold(text, "y") || strings.EqualFold(text, "yes"):
		answer.Decision = chain.Approved
	case isNo(text):
		answer.Decision = chain.Rejected
	default:
		return nil, nil
	}
	return answer, nil
}

func isNo(text string) bool { return strings.EqualFold(text, "n") || strings.EqualFold(text, "no") }

// atKeyboard returns the user who runs the program, for the record.
func atKeyboard() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// askEvery is how often a run that is followed is asked for new questions.
const askEvery = 300 * time.Millisecond

// askInPlace asks the person at the terminal what the tasks of a followed run ask,
// until ctx ends. Without a terminal it says how to answer.
func (s *session) askInPlace(ctx context.Context, p *program, id string, waiting <-chan struct{}, show *progress) {
	seen := map[string]bool{}
	by := &asker{s: s}
	for {
		select {
		case <-ctx.Done():
			return
		case <-waiting:
		}
		for {
			list, err := p.runner.Approvals(ctx, chain.ApprovalOptions{RunID: id})
			if err != nil || len(list) == 0 {
				break
			}
			for i := range list {
				key := list[i].Task + " " + list[i].Approval.Since.String()
				if !seen[key] && ctx.Err() == nil {
					seen[key] = true
					s.askOne(ctx, p, by, &list[i], show)
				}
			}
			if !sleep(ctx, askEvery) {
				return
			}
		}
	}
}

// askOne asks one question, as long as it waits.
func (s *session) askOne(ctx context.Context, p *program, by *asker, w *chain.WaitingTask, show *progress) {
	defer show.hold()()
	if !s.person() {
		fmt.Fprintf(s.err, "task %s waits for an answer: %s\n  at a terminal: chainwright approve %s %s\n", taskName(w), shorten.Line(w.Approval.Message, 600), w.RunID, w.Task)
		return
	}
	by.present(w)
	for {
		asking, stop := context.WithCancelCause(ctx)
		go s.withdraw(asking, p, w, stop)
		answer, err := by.decide(asking, w, nil)
		stop(nil)
		switch {
		case err != nil:
			if ctx.Err() == nil {
				fmt.Fprintf(s.err, "%v\n", err)
			}
			return
		case answer == nil:
			fmt.Fprintf(s.err, "the run waits; answer later with: chainwright approve %s %s\n", w.RunID, w.Task)
			return
		}
		if _, err = p.runner.Answer(ctx, w.RunID, w.Task, *answer); err == nil {
			return
		}
		fmt.Fprintf(s.err, "%v\n", err)
		if still, _ := stillWaits(ctx, p, w); !still {
			return
		}
	}
}

// withdraw ends the asking when the question has been answered elsewhere, or no
// longer waits.
func (s *session) withdraw(ctx context.Context, p *program, w *chain.WaitingTask, stop context.CancelCauseFunc) {
	for sleep(ctx, askEvery) {
		if still, err := stillWaits(ctx, p, w); err == nil && !still {
			stop(errWithdrawn)
			return
		}
	}
}

var errWithdrawn = fmt.Errorf("the question was answered elsewhere, or no longer waits")

// stillWaits reports whether a question still waits for its answer.
func stillWaits(ctx context.Context, p *program, w *chain.WaitingTask) (bool, error) {
	list, err := p.runner.Approvals(ctx, chain.ApprovalOptions{RunID: w.RunID, Anyone: true})
	if err != nil {
		return false, err
	}
	for i := range list {
		if list[i].Task == w.Task && list[i].Approval.Since.Equal(*w.Approval.Since) {
			return true, nil
		}
	}
	return false, nil
}

// sleep waits. It returns false if ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
