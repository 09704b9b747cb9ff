package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/config"
)

type runsCmd struct {
	ID     string
	Task   string
	Follow bool
	JSON   bool
	Status string
	Name   string
	Labels repeated
	Limit  int
}

func (c *runsCmd) takes() []*param {
	return []*param{
		arg("id", &c.ID, "A run's id, the start of one, or last; without it, all runs are listed.").optional().offering(runIDs),
		flag("task", &c.Task, "TASK", "Show this task: inputs, attempts, result and log."),
		flag("follow", &c.Follow, "", "Print the log of the task as it comes, until the task ends."),
		flag("json", &c.JSON, "", "Print JSON."),
		flag("status", &c.Status, "STATUS", "List only runs in this state.").oneOf("queued", "in_progress", "completed", "failed", "cancelled"),
		flag("name", &c.Name, "TEXT", "List only runs whose name contains it."),
		flag("label", &c.Labels, "KEY=VALUE", "List only runs with this label. May be repeated: then with all of them."),
		flag("limit", &c.Limit, "N", "Maximum number of runs to list (100 at most).").initially("20"),
	}
}

// Run lists runs, or prints one in its current state.
func (c *runsCmd) Run(s *session) error {
	if c.Limit < 1 || c.Limit > 100 {
		return usage("--limit must be 1 to 100; got %d", c.Limit)
	}
	if c.Follow && c.Task == "" {
		return usage("--follow shows the log of a task: name it with --task")
	}
	if c.ID == "" && c.Task != "" {
		return usage("--task is a task of a run: name the run, as in chainwright runs ID --task %s", c.Task)
	}
	labels, err := readLabels(c.Labels)
	if err != nil {
		return err
	}
	if c.ID == "" {
		p, err := s.open(unaudited, unselected, unextended)
		if err != nil {
			return err
		}
		return finishing(s, p, c.list(s, p, labels))
	}
	p, err := s.open(unaudited, unselected)
	if err != nil {
		return err
	}
	if c.ID, err = s.runID(p, c.ID); err != nil {
		return finishing(s, p, err)
	}
	if c.Task != "" {
		return finishing(s, p, c.task(s, p))
	}
	view, err := p.runner.Get(s.ctx, c.ID, "")
	if err != nil {
		return finishing(s, p, unknownRun(err))
	}
	if c.JSON {
		err = s.printJSON(struct {
			*chain.RunView
			Owner  *chain.Owner      `json:"owner,omitempty"`
			Labels map[string]string `json:"labels,omitempty"`
		}{view, view.Owner, view.Labels})
	} else {
		err = s.summary(s.out, p, view)
	}
	return finishing(s, p, err)
}

func unknownRun(err error) error {
	var known *executors.Error
	if errors.As(err, &known) {
		return refusal(known)
	}
	return err
}

func (c *runsCmd) list(s *session, p *program, labels map[string]string) error {
	runs, next, err := p.runner.List(s.ctx, chain.ListOptions{Status: c.Status, Name: c.Name, Labels: labels, Limit: c.Limit})
	if err != nil {
		return err
	}
	if c.JSON {
		return s.printJSON(listOf(runs, next))
	}
	if len(runs) == 0 && (c.Status+c.Name != "" || len(labels) > 0) {
		fmt.Fprintln(s.err, "no recorded run matches")
		return nil
	}
	if len(runs) == 0 {
		fmt.Fprintln(s.err, "no runs are recorded; start one with `chainwright run FILE`")
		return nil
	}
	t := table{right: map[int]bool{3: true}}
	t.add("RUN", "STATUS", "STARTED", "TOOK", "WHAT", "WHO")
	for _, run := range runs {
		lasted := time.Duration(run.DurationMS * float64(time.Millisecond))
		t.add(run.RunID, statusOf(&run), run.CreatedAt.Local().Format("01-02 15:04"), took(lasted), runName(&run), whoDrives(run.Status, run.Owner))
	}
	if err := t.write(s.out); err != nil {
		return err
	}
	if next != "" {
		fmt.Fprintf(s.err, "older runs are not shown; raise --limit\n")
	}
	return nil
}

// statusOf returns the status of a run, and says if a handler failed.
func statusOf(run *chain.RunSummary) string {
	if run.Warning != "" {
		return string(run.Status) + ", with a warning"
	}
	return string(run.Status)
}

// listedRun is a run in a list, with its owner.
type listedRun struct {
	chain.RunSummary
	Owner  *chain.Owner      `json:"owner,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// listOf returns a list of runs as JSON has it.
func listOf(runs []chain.RunSummary, next string) any {
	list := make([]listedRun, len(runs))
	for i, run := range runs {
		list[i] = listedRun{run, run.Owner, run.Labels}
	}
	return struct {
		Runs []listedRun `json:"runs"`
		Next string      `json:"next_cursor,omitempty"`
	}{list, next}
}

// whoDrives says which process drives a run, and since when.
func whoDrives(status chain.State, owner *chain.Owner) string {
	switch {
	case status.Ended():
		return ""
	case owner == nil:
		return "nobody"
	case owner.Gone:
		return owner.Process + ", last seen " + owner.Seen.Local().Format("15:04:05")
	}
	return owner.Process + " since " + owner.Since.Local().Format("01-02 15:04:05")
}

type cancelCmd struct {
	ID   string
	Task string
	JSON bool
}

func (c *cancelCmd) takes() []*param {
	return []*param{
		arg("id", &c.ID, "The run's id, the start of it, or last.").offering(runIDs),
		flag("task", &c.Task, "TASK", "Cancel only this task and the tasks grouped under it."),
		flag("json", &c.JSON, "", "Print the run as JSON."),
	}
}

// Run cancels a run through the store. The run may belong to another process.
func (c *cancelCmd) Run(s *session) error {
	p, err := s.openDurable("cancel", unextended)
	if err != nil {
		return err
	}
	if c.ID, err = s.runID(p, c.ID); err != nil {
		return finishing(s, p, err)
	}
	arguments := map[string]any{"run_id": c.ID}
	if c.Task != "" {
		arguments["task"] = c.Task
	}
	res, err := s.use(p, tools.CancelRun, arguments)
	if err == nil && res.RunID == "" && res.Err != nil {
		err = refusal(res.Err)
	}
	switch {
	case err != nil:
	case c.JSON:
		err = s.printJSON(res.Result)
	default:
		fmt.Fprintf(s.out, "run %s: %s\n", c.ID, res.Status)
		for _, warning := range res.Warnings {
			fmt.Fprintf(s.err, "warning: %s\n", atTerminal(warning))
		}
	}
	return finishing(s, p, err)
}

type retryCmd struct {
	ID   string
	From []string
	JSON bool
	Yes  bool
}

func (c *retryCmd) takes() []*param {
	return []*param{
		arg("id", &c.ID, "The run's id, the start of it, or last.").offering(runIDs),
		flag("from", &c.From, "TASK", "Run this task and all tasks that depend on it again, even if completed. May be repeated."),
		flag("json", &c.JSON, "", "Print the finished run as JSON."),
		agreed(&c.Yes),
	}
}

// Run retries the tasks that did not complete, and follows the run.
func (c *retryCmd) Run(s *session) error {
	p, err := s.openDurable("retry")
	if err != nil {
		return err
	}
	if c.ID, err = s.runID(p, c.ID); err != nil {
		return finishing(s, p, err)
	}
	arguments := map[string]any{"run_id": c.ID, "wait_seconds": 0}
	if len(c.From) > 0 {
		arguments["tasks"] = c.From
	}
	s.yes = c.Yes
	view, err := s.runTree(p, tools.RetryRun, arguments)
	if err == nil {
		err = s.finish(p, view, c.JSON)
	}
	return finishing(s, p, err)
}

// openDurable opens the program for a command that needs a store on disk.
func (s *session) openDurable(command string, change ...func(*config.Loaded)) (*program, error) {
	cfg, err := s.load()
	if err != nil {
		return nil, err
	}
	if cfg.Store == "memory" {
		return nil, usage("%s needs a store on disk: the memory store (set by %s) loses its runs when the process ends", command, cfg.Source("store")).
			withHint("use the --store that the run was started with")
	}
	return s.open(append(change, unselected)...)
}
