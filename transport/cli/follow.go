package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
)

// named is how many tasks a run may have for the running ones to be shown by
// name; reading a larger run ten times a second would slow it down.
const named = 500

// follow shows a run's progress until it has ended, and returns it with whole
// results. An interrupt cancels the run, and waits until it really stopped.
func (s *session) follow(p *program, id string) (*chain.RunView, error) {
	show := newProgress(s.err)
	reading, stop := context.WithCancel(s.ctx)
	reported := make(chan struct{})
	go func() {
		defer close(reported)
		err := p.runner.Progress(reading, id, "", func(counts chain.Counts, _ string) {
			show.counts(counts)
			if show.live {
				show.tasks(running(reading, p, id, counts))
			}
		})
		if err != nil && reading.Err() == nil {
			p.log.Debug().Err(err).Msg("following the run")
		}
	}()
	view, err := p.runner.Wait(s.ctx, id, "")
	stop()
	<-reported
	show.finish()
	if !interrupted(s.ctx) || (err == nil && view.Status.Ended()) {
		return view, err
	}
	fmt.Fprintln(s.err, "interrupted: cancelling the run (interrupt again to leave at once)")
	after := context.WithoutCancel(s.ctx)
	if _, err := p.runner.Cancel(after, id, "", ""); err != nil {
		return nil, fmt.Errorf("cancelling the run: %w", err)
	}
	ending, done := context.WithTimeout(after, p.config.Grace+time.Second)
	defer done()
	return p.runner.Wait(ending, id, "")
}

// running are the names of the tasks that are running now.
func running(ctx context.Context, p *program, id string, counts chain.Counts) []string {
	total := 0
	for _, n := range counts {
		total += n
	}
	if total > named || counts[chain.InProgress] == 0 {
		return nil
	}
	view, err := p.runner.Run(ctx, id, "", chain.ResultsUpTo(0))
	if err != nil {
		return nil
	}
	var names []string
	for i := range view.Tasks {
		if view.Tasks[i].Status == chain.InProgress {
			names = append(names, label(&view.Tasks[i]))
		}
	}
	return names
}

// started is the run that a tool's answer tells of; an answer that tells of
// none is the refusal to start one.
func started(res *tools.Result) (string, error) {
	if res.RunID != "" {
		return res.RunID, nil
	}
	if res.Err == nil {
		return "", fmt.Errorf("no run was started")
	}
	return "", refusal(res.Err)
}

// finish shows how a run ended, as JSON or in words, and gives the exit code.
func (s *session) finish(p *program, view *chain.RunView, asJSON bool) error {
	if asJSON {
		if err := s.printJSON(view); err != nil {
			return err
		}
	} else if err := s.summary(s.out, view, p.order(s, view)); err != nil {
		return err
	}
	switch {
	case interrupted(s.ctx) && view.Status != chain.Completed:
		return quiet(exitInterrupted)
	case view.Status == chain.Completed:
		return nil
	case view.ErrorType == executors.PermissionDenied && len(view.Tasks) == 0:
		return quiet(exitDenied)
	default:
		return quiet(exitFailed)
	}
}

// summary tells of a run in words: the picture, then each failure with its
// reason, then what to do next.
func (s *session) summary(w io.Writer, view *chain.RunView, after map[string][]string) error {
	name := ""
	if view.Name != "" {
		name = " " + view.Name
	}
	how := string(view.Status) + " in"
	if !view.Status.Ended() {
		how = strings.ReplaceAll(string(view.Status), "_", " ") + " for"
	}
	fmt.Fprintf(w, "run %s%s: %s %s (%s)\n", view.RunID, name, how,
		took(time.Duration(view.DurationMS*float64(time.Millisecond))), inWords(view.Counts))
	if err := draw(w, view, after); err != nil {
		return err
	}
	if view.Error != "" {
		fmt.Fprintf(w, "\n%s\n", view.Error)
	}
	if view.Hint != "" {
		fmt.Fprintf(w, "hint: %s\n", atTerminal(view.Hint))
	}
	for _, warning := range view.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
	failures(w, view)
	s.next(w, view)
	return nil
}

// maxFailures is how many failed tasks are told of in full.
const maxFailures = 10

func failures(w io.Writer, view *chain.RunView) {
	told := 0
	for i := range view.Tasks {
		task := &view.Tasks[i]
		if task.Status != chain.Failed {
			continue
		}
		if told++; told > maxFailures {
			continue
		}
		fmt.Fprintf(w, "\n✗ %s (%s) failed: %s\n", label(task), task.Executor, clip(task.Error, 600))
		about := string(task.ErrorType)
		if task.ErrorCode != "" {
			about += ", code " + task.ErrorCode
		}
		if task.Field != "" {
			about += ", field " + task.Field
		}
		fmt.Fprintf(w, "  %s\n", about)
		for j, element := range task.Errors {
			if j == maxFailures {
				fmt.Fprintf(w, "  … and %d more elements\n", len(task.Errors)-j)
				break
			}
			fmt.Fprintf(w, "  element %d: %s\n", element.Index, clip(element.Error, 200))
		}
		if task.Hint != "" {
			fmt.Fprintf(w, "  hint: %s\n", atTerminal(task.Hint))
		}
	}
	if told > maxFailures {
		fmt.Fprintf(w, "\n… and %s\n", plural(told-maxFailures, "more failed task"))
	}
}

// next says what can be done with the run now.
func (s *session) next(w io.Writer, view *chain.RunView) {
	fmt.Fprintln(w)
	switch {
	case s.forgets:
		fmt.Fprintln(w, "results: run it with --json, or with a store on disk; the memory store forgets them")
	case view.Status == chain.Completed:
		fmt.Fprintf(w, "results: chainwright runs %s --json\n", view.RunID)
	case view.Status.Ended():
		fmt.Fprintf(w, "results: chainwright runs %s --json\nretry:   chainwright retry %s\n", view.RunID, view.RunID)
	default:
		fmt.Fprintf(w, "it goes on; how far it is: chainwright runs %s\n", view.RunID)
	}
}

// decode reads a tool's result into a value of the command's own.
func decode(res *tools.Result, into any) error {
	if err := json.Unmarshal(res.Result, into); err != nil {
		return fmt.Errorf("reading the tool's answer: %w", err)
	}
	return nil
}
