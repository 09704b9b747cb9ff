package tools

import (
	"context"
	"fmt"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/schedule"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// The tools that work on schedules. They exist only if the operator's selection
// names them or their toolset.
const (
	ListSchedules = "list_schedules"
	SetSchedule   = "set_schedule"

	toolsetSchedules = "schedules"
)

var scheduleTools = []string{ListSchedules, SetSchedule}

// nextShown is how many next times of one schedule are shown.
const nextShown = 10

// schedules returns the preparers of the selected tools for schedules.
func (r *runs) schedules() map[string]preparer {
	preparers := map[string]preparer{}
	if r.set.opts.Schedules == nil {
		return preparers
	}
	for name, prepare := range map[string]preparer{ListSchedules: atOnce(r.listSchedules), SetSchedule: r.prepareSchedule} {
		if r.set.opts.names(name, toolsetSchedules) {
			preparers[name] = prepare
		}
	}
	return preparers
}

// Schedules returns the schedules of the saved trees; nil: there is no folder.
func (s *Set) Schedules() *schedule.Book { return s.opts.Schedules }

func (r *runs) listSchedules(ctx context.Context, req *Request) *Result {
	args, err := resolve(r.defs[ListSchedules], req.Arguments)
	if err != nil {
		return Failure(err)
	}
	list, err := r.set.ListSchedules(ctx, text(args, "tree"))
	if err != nil {
		return Failure(err)
	}
	return asResult(list)
}

// ListSchedules returns the schedules as the context's caller may see them, or
// that of one tree with more of its next times.
func (s *Set) ListSchedules(ctx context.Context, tree string) (*schedule.Overview, *executors.Error) {
	book, now := s.opts.Schedules, time.Now()
	list, err := book.List(ctx, now, 1)
	if err != nil {
		return nil, err
	}
	if tree != "" {
		one, err := book.Show(ctx, tree, now, nextShown)
		if err != nil {
			return nil, err
		}
		list.Schedules = []schedule.Entry{*one}
	}
	principal := CallerFrom(ctx).Principal
	for i := range list.Schedules {
		if e := &list.Schedules[i]; principal != "" && e.Principal != principal {
			e.Last, e.LeftOut, e.Refused, e.Queue = nil, nil, nil, nil // runs of others do not exist
		}
	}
	return list, nil
}

func (r *runs) prepareSchedule(ctx context.Context, req *Request) (work, *Question) {
	args, err := resolve(r.defs[SetSchedule], req.Arguments)
	if err != nil {
		return refused(err), nil
	}
	return r.set.prepareChange(ctx, schedule.Change{
		Tree: text(args, "tree"), Action: text(args, "action"), Principal: req.Principal, Local: req.Principal == "",
	}, true)
}

// change is a change of a schedule that was checked.
type change struct {
	book   *schedule.Book
	change schedule.Change
}

func (c *change) run(ctx context.Context) *Result {
	now := time.Now()
	if err := c.book.Apply(ctx, c.change, now); err != nil {
		return Failure(err)
	}
	entry, err := c.book.Show(ctx, c.change.Tree, now, 1)
	if err != nil { // its tree is gone, and there is nothing to show
		return asResult(&schedule.Entry{Tree: c.change.Tree, State: "disabled", Next: []time.Time{}})
	}
	return asResult(entry)
}

func asResult(v any) *Result {
	raw, err := plainjson.Marshal(v)
	if err != nil {
		return Failure(executors.AsError(fmt.Errorf("encoding schedules: %w", err)))
	}
	return &Result{Status: StatusCompleted, Result: raw}
}

// upcoming is when a saved tree with its schedule would run next.
type upcoming struct {
	Cron     string      `json:"cron"`
	Timezone string      `json:"timezone"`
	Next     []time.Time `json:"next"`
}

// upcomingOf returns the next times of a tree; nil if it has no schedule.
func upcomingOf(tree *chain.Tree) *upcoming {
	if tree == nil || tree.Schedule == nil {
		return nil
	}
	const shown = 3
	return &upcoming{tree.Schedule.Cron(), tree.Schedule.Zone(), tree.Schedule.Following(time.Now(), shown)}
}

// prepareChange checks a change of a schedule. Enabling one is a question,
// because nobody is asked before its runs. The question of a tool is asked
// whatever policy says: an assistant can write a tree, and must not make it run by
// itself without a person. Nor may it resume what a person, or an import, paused.
func (s *Set) prepareChange(ctx context.Context, c schedule.Change, tool bool) (work, *Question) {
	if c.Action != schedule.Enable && (!tool || c.Action != schedule.Resume) {
		return &change{s.opts.Schedules, c}, nil
	}
	tree, err := s.opts.Schedules.Plan(c.Tree)
	if err != nil {
		return refused(err), nil
	}
	if err := s.runs.refuseExcluded(ctx, tree); err != nil {
		return refused(err), nil
	}
	if !tool && !s.Confirms() {
		return &change{s.opts.Schedules, c}, nil
	}
	q := &Question{
		Message: fmt.Sprintf("Let the saved tree %s run by itself, at the times of the cron expression %s? Nobody is asked before each run.", line(c.Tree), line(tree.Schedule.String())),
		Subject: tree.Hash(), executors: []string{SetSchedule},
	}
	if tool {
		q.personOnly = "a schedule needs a person's agreement to " + c.Action
		q.otherwise = fmt.Sprintf("the person runs `chainwright schedules %s %s` where the server runs, or does it on its page; or use a client that can ask the person (MCP elicitation)", c.Action, line(c.Tree))
	}
	if acts := s.aboutTasks(ctx, tree, tree.Schedule.Inputs, all(tree), "it"); acts != nil {
		q.Message += "\n" + acts.Message
		q.Subject += acts.Subject
		q.executors = acts.executors
	}
	return &change{s.opts.Schedules, c}, q
}

// PrepareSchedule checks a change of a schedule as a person makes it, at the
// command line or on the page, whatever the selection of tools.
func (s *Set) PrepareSchedule(ctx context.Context, c schedule.Change) *Pending {
	arguments := plainjson.Must(map[string]string{"tree": c.Tree, "action": c.Action})
	p := &Pending{set: s, tool: SetSchedule, req: &Request{Arguments: arguments, Principal: CallerFrom(ctx).Principal}, began: time.Now()}
	p.work, p.Question = s.prepareChange(ctx, c, false)
	return p
}
