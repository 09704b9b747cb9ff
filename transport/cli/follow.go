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
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/sequential"
)

// named is the largest number of tasks in a run whose running tasks are shown by
// name. Reading a larger run ten times a second would slow it down.
const named = 500

// follow shows the progress of a run until it ends, and returns the run with
// whole results. An interrupt cancels the run and waits until it has stopped, and
// its handlers have run.
func (s *session) follow(p *program, id string) (*chain.RunView, error) {
	show := newProgress(s.err)
	reading, stop := context.WithCancel(s.ctx)
	reported, waiting, asked := make(chan struct{}), make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(asked)
		s.askInPlace(reading, p, id, waiting, show)
	}()
	go func() {
		defer close(reported)
		err := p.runner.Watch(reading, id, "", func(counts chain.Counts, _ string) {
			show.counts(counts)
			if counts[chain.Waiting] > 0 {
				select {
				case waiting <- struct{}{}:
				default:
				}
			}
			show.tasks(running(reading, p, id, counts))
		})
		if err != nil && reading.Err() == nil {
			p.log.Debug().Err(err).Msg("following the run")
		}
	}()
	view, err := p.runner.Wait(s.ctx, id, "")
	stop()
	<-reported
	<-asked
	show.finish()
	if !interrupted(s.ctx) || (err == nil && view.Status.Ended()) {
		return view, err
	}
	fmt.Fprintf(s.err, "interrupted: cancelling the run %s (press Ctrl-C again to quit now)\n", id)
	after := context.WithoutCancel(s.ctx)
	if view, err = p.runner.Cancel(after, id, "", ""); err != nil {
		return nil, fmt.Errorf("cancelling the run: %w", err)
	}
	if view.Outcome == chain.Cancelled {
		fmt.Fprintln(s.err, "running on_cancel and on_exit of the tree")
		return p.runner.Wait(after, id, "")
	}
	ending, done := context.WithTimeout(after, p.config.Grace+time.Second)
	defer done()
	return p.runner.Wait(ending, id, "")
}

// running returns the names of the tasks that are running, each with how much of it
// is done, if that is known.
func running(ctx context.Context, p *program, id string, counts chain.Counts) []string {
	ended, total := counts.Done()
	if total > named || counts[chain.InProgress] == 0 && ended < total { // else handlers may run
		return nil
	}
	view, err := p.runner.Get(ctx, id, "", chain.ResultsUpTo(0))
	if err != nil {
		return nil
	}
	var names []string
	for _, task := range view.All() {
		if task.Status == chain.InProgress {
			name := label(&task)
			if n := task.Elements; n != nil {
				name += fmt.Sprintf("  %s of %s", thousands(n.Done), thousands(n.Of))
			}
			names = append(names, name)
		}
	}
	return names
}

// started returns the id of the run that a tool has started. If it has started
// none, started returns the error in the result.
func started(res *tools.Result) (string, error) {
	if res.RunID != "" {
		return res.RunID, nil
	}
	if res.Err == nil {
		return "", fmt.Errorf("no run was started")
	}
	return "", refusal(res.Err)
}

// finish prints a run that has ended, as JSON or as text, and returns the exit
// code as an error.
func (s *session) finish(p *program, view *chain.RunView, asJSON bool) error {
	if asJSON {
		if err := s.printJSON(view); err != nil {
			return err
		}
	} else if err := s.summary(s.out, p, view); err != nil {
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

// summary prints a run as text: the tree of its tasks, then each failure with its
// reason, then the results, then the commands to use next.
func (s *session) summary(w io.Writer, p *program, view *chain.RunView) error {
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
	if view.Outcome != "" {
		fmt.Fprintf(w, "its tasks have ended (%s); its handlers run\n", view.Outcome)
	}
	if view.ParentRun != "" {
		fmt.Fprintf(w, "part of run %s\n", view.ParentRun)
	}
	if view.Owner != nil && !view.Owner.Gone {
		fmt.Fprintf(w, "driven by %s\n", whoDrives(view.Status, view.Owner))
	}
	if err := draw(w, view, p.order(view)); err != nil {
		return err
	}
	if report, ok := batchOf(view); ok {
		fmt.Fprintf(w, "rows: %s\n", report.Counts)
	}
	outputs(w, view)
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
	p.results(w, view)
	s.next(w, view)
	return nil
}

// batchOf returns the report of a batch: of a call of the generator with files.
func batchOf(view *chain.RunView) (report sequential.Report, ok bool) {
	if !view.Call || len(view.Tasks) != 1 || view.Tasks[0].Executor != sequential.ID {
		return report, false
	}
	err := json.Unmarshal(view.Tasks[0].Result, &report)
	return report, err == nil && report.Counts != (sequential.Counts{})
}

// maxFailures bounds the failed tasks that are printed in full.
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
		fmt.Fprintf(w, "\n✗ %s (%s) failed: %s\n", label(task), task.Executor, shorten.Line(task.Error, 600))
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
			fmt.Fprintf(w, "  element %d: %s\n", element.Index, shorten.Line(element.Error, 200))
		}
		if task.Hint != "" {
			fmt.Fprintf(w, "  hint: %s\n", atTerminal(task.Hint))
		}
	}
	if told > maxFailures {
		fmt.Fprintf(w, "\n… and %s\n", plural(told-maxFailures, "more failed task"))
	}
}

// next prints the commands for the results and for a retry of the run.
func (s *session) next(w io.Writer, view *chain.RunView) {
	fmt.Fprintln(w)
	_, isBatch := batchOf(view)
	switch {
	case s.forgets:
		fmt.Fprintln(w, "results: not kept, because the store is memory; use --json or a store on disk")
	case view.Status == chain.Completed:
		fmt.Fprintf(w, "results: chainwright runs %s --json\n", view.RunID)
	case view.Status.Ended() && isBatch:
		fmt.Fprintf(w, "results: chainwright runs %s --json\nretry:   run the same command again; it continues where this one stopped\n", view.RunID)
	case view.Status.Ended():
		fmt.Fprintf(w, "results: chainwright runs %s --json\nretry:   chainwright retry %s\n", view.RunID, view.RunID)
	case view.Counts[chain.Waiting] > 0:
		fmt.Fprintf(w, "answer:  chainwright approve %s\n", view.RunID)
	default:
		fmt.Fprintf(w, "the run continues; see its progress with chainwright runs %s\n", view.RunID)
	}
}

// decode reads a tool's result into a Go value.
func decode(res *tools.Result, into any) error {
	if err := json.Unmarshal(res.Result, into); err != nil {
		return fmt.Errorf("reading the tool's answer: %w", err)
	}
	return nil
}
