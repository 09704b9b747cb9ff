package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
)

type approvalsCmd struct{ JSON bool }

func (c *approvalsCmd) takes() []*param {
	return []*param{flag("json", &c.JSON, "", "Print JSON.")}
}

// Run lists the tasks that wait for a person's answer, of all principals.
func (c *approvalsCmd) Run(s *session) error {
	p, err := s.openDurable("approvals", unaudited, unextended)
	if err != nil {
		return err
	}
	list, err := p.runner.Approvals(s.ctx, chain.ApprovalOptions{Anyone: true})
	switch {
	case err != nil:
	case c.JSON:
		if list == nil {
			list = []chain.WaitingTask{}
		}
		err = s.printJSON(list)
	case len(list) == 0:
		fmt.Fprintln(s.err, "nothing waits for an answer")
	default:
		err = printWaiting(s, list)
	}
	return finishing(s, p, err)
}

func printWaiting(s *session, list []chain.WaitingTask) error {
	t := table{}
	t.add("RUN", "TASK", "SINCE", "UNTIL", "ASKS")
	for i := range list {
		w := &list[i]
		until := "-"
		if w.Approval.Until != nil {
			until = w.Approval.Until.Local().Format("01-02 15:04")
		}
		asks := shorten.Line(w.Approval.Message, 600)
		if w.Run != "" {
			asks = w.Run + ": " + asks
		}
		t.add(w.RunID, w.Task, w.Approval.Since.Local().Format("01-02 15:04"), until, asks)
	}
	return t.write(s.out)
}

type approveCmd struct {
	ID     string
	Task   string
	Reject bool
	Value  string
	Reason string
	JSON   bool
}

func (c *approveCmd) takes() []*param {
	return []*param{
		arg("id", &c.ID, "The run's id, the start of it, or last: the newest run that waits.").offering(runIDs),
		arg("task", &c.Task, "The task that waits: its id or unique name. May be left out if only one waits.").optional(),
		flag("reject", &c.Reject, "", "Reject instead: the task fails."),
		flag("value", &c.Value, "JSON|@FILE", "The answer to a question with a schema: a JSON object, or a file that holds one."),
		flag("reason", &c.Reason, "TEXT", "A reason, which is recorded with the answer."),
		flag("json", &c.JSON, "", "Print JSON."),
	}
}

// Run shows a question and records the answer of the person at the terminal.
func (c *approveCmd) Run(s *session) error {
	if c.Reject && c.Value != "" {
		return usage("--reject and --value exclude each other")
	}
	if c.Value == "-" {
		return usage("--value can't be read from stdin: the person answers there").withHint("use --value @FILE")
	}
	if !s.person() {
		return usage("a person answers at a terminal, and no terminal is attached; nothing was answered").
			withHint("run it in a terminal; chainwright approvals lists what waits")
	}
	var value json.RawMessage
	if c.Value != "" {
		var err error
		if value, err = s.inputs(c.Value); err != nil {
			return err
		}
		if _, err := strictjson.DecodeObject(value); err != nil {
			return usage("--value is not a JSON object: %v", err)
		}
	}
	p, err := s.openDurable("approve", unextended)
	if err != nil {
		return err
	}
	return finishing(s, p, c.answer(s, p, value))
}

func (c *approveCmd) answer(s *session, p *program, value json.RawMessage) error {
	w, err := c.find(s, p)
	if err != nil {
		return err
	}
	by := &asker{s: s}
	by.present(w)
	answer := &chain.Answer{Decision: chain.Rejected, Way: chain.WayTerminal, Principal: atKeyboard(), Shown: w.Approval.Digest}
	if !c.Reject {
		if answer, err = by.decide(s.ctx, w, value); err != nil {
			return err
		}
		if answer == nil {
			fmt.Fprintln(s.err, "nothing was answered; the run goes on waiting")
			return quiet(exitFailed)
		}
	}
	answer.Reason = c.Reason
	task, err := p.runner.Answer(s.ctx, w.RunID, w.Task, *answer)
	if err != nil {
		return unknownRun(err)
	}
	if c.JSON {
		return s.printJSON(map[string]any{"run_id": w.RunID, "task": w.Task, "decision": answer.Decision, "status": task.Status})
	}
	text := fmt.Sprintf("task %s of run %s: %s", w.Task, w.RunID, answer.Decision)
	if task.Status == chain.Waiting {
		text += "; the run goes on as soon as a server that may run it is there"
	}
	fmt.Fprintln(s.out, text)
	return nil
}

// lookUp replaces the start of an id, or last, by the id of a run that waits. It
// may be a run of any principal.
func (c *approveCmd) lookUp(s *session, p *program) error {
	if len(c.ID) == wholeID {
		return nil
	}
	list, err := p.runner.Approvals(s.ctx, chain.ApprovalOptions{Anyone: true})
	if err != nil {
		return unknownRun(err)
	}
	var ids []string
	for i := range list {
		if id := list[i].RunID; c.ID == newest || strings.HasPrefix(id, c.ID) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids) // by age
	ids = slices.Compact(ids)
	switch {
	case len(ids) == 0 && c.ID == newest:
		return usage("nothing waits for an answer")
	case len(ids) == 0:
		id, err := s.runID(p, c.ID)
		c.ID = id
		return err
	case len(ids) > 1 && c.ID != newest:
		return usage("%s is the start of several ids of runs that wait: %s", c.ID, listed(ids)).withHint("give more of the id")
	}
	c.ID = ids[len(ids)-1]
	return nil
}

// find returns the question to answer.
func (c *approveCmd) find(s *session, p *program) (*chain.WaitingTask, error) {
	if err := c.lookUp(s, p); err != nil {
		return nil, err
	}
	list, err := p.runner.Approvals(s.ctx, chain.ApprovalOptions{RunID: c.ID, Anyone: true})
	if err != nil {
		return nil, unknownRun(err)
	}
	var names []string
	for i := range list {
		if w := &list[i]; w.Task == c.Task || w.Name == c.Task || c.Task == "" && len(list) == 1 {
			return w, nil
		}
		names = append(names, list[i].Task)
	}
	switch {
	case len(list) == 0:
		return nil, usage("no task of run %s waits for an answer", c.ID).withHint("chainwright approvals lists what waits")
	case c.Task == "":
		return nil, usage("several tasks of run %s wait for an answer: name one of %s", c.ID, strings.Join(names, ", "))
	}
	return nil, usage("task %q of run %s does not wait for an answer; what waits is %s", c.Task, c.ID, strings.Join(names, ", "))
}
