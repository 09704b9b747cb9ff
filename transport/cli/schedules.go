package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/chainwright/chainwright/chain/schedule"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
)

// nextTimes is how many next times of a schedule are shown.
const nextTimes = 10

// nobodyFires is what to do when no process fires schedules.
const nobodyFires = "no process fires them: start `chainwright serve` with this store"

type schedulesCmd struct {
	JSON bool
}

func (c *schedulesCmd) takes() []*param {
	return []*param{flag("json", &c.JSON, "", "Print JSON.")}
}

// Run lists the saved trees that have a schedule.
func (c *schedulesCmd) Run(s *session) error {
	p, err := s.openSchedules()
	if err != nil {
		return err
	}
	return finishing(s, p, c.list(s, p))
}

// openSchedules opens the program for a command about schedules.
func (s *session) openSchedules() (*program, error) {
	p, err := s.openDurable("schedules", unaudited)
	if err != nil || p.tools.Schedules() != nil {
		return p, err
	}
	return nil, finishing(s, p, usage("there is no folder of saved trees").withHint("set trees in chainwright.yaml"))
}

func (c *schedulesCmd) list(s *session, p *program) error {
	list, refused := p.tools.Schedules().List(s.ctx, time.Now(), 3)
	switch {
	case refused != nil:
		return refusal(refused)
	case c.JSON:
		return s.printJSON(list)
	case len(list.Schedules) == 0:
		fmt.Fprintf(s.err, "no tree in %s has a schedule; write one into its file: schedule: {cron: \"0 3 * * *\"}\n", treesFolder(p.config))
		return nil
	}
	t := table{}
	t.add("TREE", "STATE", "NEXT", "LAST RUN", "TIMES")
	for i := range list.Schedules {
		e := &list.Schedules[i]
		next, last := "-", "-"
		if e.State == store.ScheduleEnabled && len(e.Next) > 0 {
			next = e.Next[0].Local().Format("Mon 01-02 15:04")
		}
		if e.Last != nil {
			last = e.Last.For.Local().Format("01-02 15:04") + " " + e.Last.Status
		}
		t.add(e.Tree, e.State, next, strings.TrimSpace(last), e.Cron+" "+e.Timezone)
	}
	if err := t.write(s.out); err != nil {
		return err
	}
	for i := range list.Schedules {
		for _, remark := range remarks(&list.Schedules[i]) {
			fmt.Fprintf(s.out, "%s: %s\n", list.Schedules[i].Tree, remark)
		}
	}
	if n := list.Waiting(); n > 0 {
		fmt.Fprintf(s.err, "%s enabled, and %s\n", countIs(n, "schedule"), nobodyFires)
	}
	return nil
}

// countIs returns "1 schedule is" or "2 schedules are".
func countIs(n int, noun string) string {
	if n == 1 {
		return plural(n, noun) + " is"
	}
	return plural(n, noun) + " are"
}

// remarks are what people must know about a schedule.
func remarks(e *schedule.Entry) []string {
	var list []string
	if e.Why != "" {
		list = append(list, e.State+": "+e.Why)
	}
	if r := e.Refused; r != nil {
		text := fmt.Sprintf("the run for %s was refused: %s", r.For.Local().Format("01-02 15:04"), r.Message)
		if r.Hint != "" {
			text += " (" + r.Hint + ")"
		}
		list = append(list, text)
	}
	if l := e.LeftOut; l != nil {
		list = append(list, fmt.Sprintf("%s: %s", l.At.Local().Format("01-02 15:04"), l.Note))
	}
	if n := len(e.Queue); n > 0 {
		list = append(list, countIs(n, "run")+" waiting to be started")
	}
	return list
}

type showScheduleCmd struct {
	Tree string
	JSON bool
}

func (c *showScheduleCmd) takes() []*param {
	return []*param{
		arg("tree", &c.Tree, "The name of the saved tree.").offering(scheduledTrees),
		flag("json", &c.JSON, "", "Print JSON."),
	}
}

// Run shows a schedule with its next times.
func (c *showScheduleCmd) Run(s *session) error {
	p, err := s.openSchedules()
	if err != nil {
		return err
	}
	return finishing(s, p, c.show(s, p))
}

func (c *showScheduleCmd) show(s *session, p *program) error {
	e, refused := p.tools.Schedules().Show(s.ctx, c.Tree, time.Now(), nextTimes)
	switch {
	case refused != nil:
		return refusal(refused)
	case c.JSON:
		return s.printJSON(e)
	}
	fmt.Fprintf(s.out, "%s: %s\ncron: %s in %s\nmisfire: %s, overlap: %s", e.Tree, e.State, e.Cron, e.Timezone, cmp.Or(e.Misfire, "-"), cmp.Or(e.Overlap, "-"))
	if e.Jitter > 0 {
		fmt.Fprintf(s.out, ", jitter: up to %v", time.Duration(e.Jitter*float64(time.Second)))
	}
	fmt.Fprintln(s.out)
	if e.State != schedule.StateInert {
		fmt.Fprintf(s.out, "runs as: %s\n", cmp.Or(e.Principal, "the user of this machine"))
	}
	if e.Last != nil {
		fmt.Fprintf(s.out, "last run: %s for %s: %s\n", e.Last.RunID, e.Last.For.Format(time.RFC3339), cmp.Or(e.Last.Status, "removed"))
	}
	for _, remark := range remarks(e) {
		fmt.Fprintln(s.out, remark)
	}
	fmt.Fprintln(s.out)
	return tellTimes(s, e.Next)
}

// tellTimes prints times in their zone and in UTC.
func tellTimes(s *session, list []time.Time) error {
	t := table{}
	t.add("NEXT", "UTC")
	for _, at := range list {
		t.add(at.Format("Mon 2006-01-02 15:04 -07:00"), at.UTC().Format("2006-01-02 15:04"))
	}
	return t.write(s.out)
}

// changeScheduleCmd changes the state of a schedule.
type changeScheduleCmd struct {
	action    string
	Tree      string
	Principal string
	JSON      bool
	Yes       bool
}

func (c *changeScheduleCmd) takes() []*param {
	list := []*param{
		arg("tree", &c.Tree, "The name of the saved tree.").offering(scheduledTrees),
		flag("json", &c.JSON, "", "Print the schedule as JSON."),
	}
	if c.action == schedule.Enable {
		list = append(list,
			flag("principal", &c.Principal, "NAME", "The principal of a token that the runs belong to, instead of the user of this machine."),
			agreed(&c.Yes))
	}
	return list
}

// Run changes the state.
func (c *changeScheduleCmd) Run(s *session) error {
	p, err := s.openSchedules()
	if err != nil {
		return err
	}
	s.yes = c.Yes
	return finishing(s, p, c.change(s, p))
}

func (c *changeScheduleCmd) change(s *session, p *program) error {
	if c.action == schedule.Enable {
		tree, refused := p.tools.Schedules().Plan(c.Tree)
		if refused != nil {
			return refusal(refused)
		}
		if err := p.permit(c.Principal, tree); err != nil {
			return refusal(executors.AsError(err))
		}
	}
	pending := p.tools.PrepareSchedule(s.ctx, schedule.Change{Tree: c.Tree, Action: c.action, Principal: c.Principal, Local: true})
	if pending.Question != nil {
		if refused := pending.Ask(s.ctx, tools.AnswerWithin, s.confirm); refused != nil {
			return refusal(refused.Err)
		}
	}
	res := pending.Start(s.ctx)
	if res.IsError() {
		return refusal(res.Err)
	}
	if c.JSON {
		return s.printJSON(res.Result)
	}
	var e schedule.Entry
	if err := decode(res, &e); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s: %s\n", e.Tree, e.State)
	if e.State != store.ScheduleEnabled {
		if c.action == schedule.Enable || c.action == schedule.Resume {
			fmt.Fprintln(s.out, e.Why)
		}
		return nil
	}
	if len(e.Next) > 0 {
		fmt.Fprintf(s.out, "next: %s\n", e.Next[0].Format("Mon 2006-01-02 15:04 -07:00"))
	}
	list, refused := p.tools.Schedules().List(s.ctx, time.Now(), 0)
	if refused == nil && !list.Fired {
		fmt.Fprintln(s.err, nobodyFires)
	}
	return nil
}

// scheduledTrees offers the saved trees that have a schedule.
var scheduledTrees = known(func(s *session, p *program) []cobra.Completion {
	var list []cobra.Completion
	if p.tools.Schedules() == nil {
		return nil
	}
	all, err := p.tools.Schedules().List(s.ctx, time.Now(), 0)
	if err != nil {
		return nil
	}
	for i := range all.Schedules {
		list = append(list, cobra.CompletionWithDesc(all.Schedules[i].Tree, all.Schedules[i].State))
	}
	return list
})
