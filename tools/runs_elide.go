package tools

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/nearest"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

const (
	// maxPreview is the longest preview of one result in the answer of a run, and
	// minPreview the shortest that is worth its room.
	maxPreview, minPreview = 2 << 10, 100
	// briefText, briefElements and briefIDs are how much is shown of an error, of
	// the errors of elements, and of the ids of other tasks, if room is short.
	briefText, briefElements, briefIDs = 200, 3, 10
)

// wanted is what a caller wants to see of the results of a run.
type wanted struct {
	// tasks are the ids of the tasks whose results are shown; nil: all.
	tasks map[string]bool
	limit int // of each result, in bytes; -1: none
	// outputs: a completed run with outputs has answered with them, so the results
	// of its tasks are left out.
	outputs bool
}

// wantedOf reads the arguments return and result_limit.
func wantedOf(args map[string]any, tree *chain.Tree) (wanted, *executors.Error) {
	want := wanted{limit: -1, outputs: true}
	if _, limited := args["result_limit"]; limited {
		want.limit = integer(args, "result_limit")
	}
	list, given := args["return"].([]any)
	if !given {
		return want, nil
	}
	want.tasks = make(map[string]bool, len(list))
	for i, each := range list {
		ref, _ := each.(string)
		index, ok := tree.Index(ref)
		if !ok {
			ids := make([]string, len(tree.Tasks))
			for i := range tree.Tasks {
				ids[i] = tree.Tasks[i].ID
			}
			err := executors.Errorf(executors.ValidationError, "return[%d]: the tree has no task %q; nothing was started", i, shorten.Bytes(ref, 100)).WithField(fmt.Sprintf("return[%d]", i))
			if hint := nearest.Hint(ref, ids); hint != "" {
				return want, err.WithHint(hint)
			}
			return want, err.WithHint("its tasks are " + shorten.Names(ids[:min(len(ids), 20)], len(ids)))
		}
		want.tasks[tree.Tasks[index].ID] = true
	}
	return want, nil
}

// everything is shown if nobody asks for less.
var everything = wanted{limit: -1}

func (w *wanted) shows(view *chain.RunView, task *chain.TaskView) bool {
	if w.tasks != nil {
		return w.tasks[task.ID]
	}
	return !w.outputs || view.OutputsSize == 0 || view.Status != chain.Completed
}

// shownRun is a run in an answer that can't show, or is not to show, all of it.
type shownRun struct {
	chain.RunView
	CutOutputs map[string]*cut `json:"truncated_outputs,omitempty"`
	Tasks      []*shownTask    `json:"tasks"`
	Handlers   []*shownTask    `json:"handlers,omitempty"`
	Omitted    int             `json:"tasks_omitted,omitempty"`
	Note       string          `json:"note,omitempty"`
}

// shownTask is a task in such an answer.
type shownTask struct {
	chain.TaskView
	*cut
	OmittedErrors int `json:"errors_omitted,omitempty"`
}

// cut stands for a result that is not in the answer. Truncated means that it is
// too long.
type cut struct {
	Truncated bool   `json:"truncated,omitempty"`
	Total     int    `json:"total_bytes"`
	Preview   string `json:"preview,omitempty"`
	Next      *Next  `json:"next,omitempty"`
}

// piece is a result or an output, which is whole or cut.
type piece struct {
	size  int
	whole json.RawMessage // nil: it is too long in any case
	head  string          // its beginning
	extra int             // bytes that the whole takes in addition to itself
	cut   *cut
	next  *Next // the call that reads it
	show  func()
}

const noteOutputs = "the tree has outputs, so the results of its tasks are left out; run_task_tree with return, or get_run with task, shows them"

// The levels of detail of tasks.
const (
	levelAll   = iota
	levelBrief // no times, and long texts are cut
	levelFewer // and only the tasks that matter most
)

// shown returns a run as JSON of at most room bytes, and whether something in it
// is cut. Short results are whole. Long ones are cut to a preview first; if that
// is not enough, details of tasks are left out, and then tasks that completed.
func (r *runs) shown(view *chain.RunView, want *wanted, room int) (raw json.RawMessage, truncated bool, err error) {
	for level, most := range []int{room / 2, room / 8 * 7, room} {
		var bare int
		if raw, bare, truncated, err = r.shownAt(level, view, want, room); err != nil || len(raw) <= room && (!truncated || bare <= most) {
			break
		}
	}
	return raw, truncated, err
}

// shownAt is shown at a level of detail. bare is the length without results.
func (r *runs) shownAt(level int, view *chain.RunView, want *wanted, room int) (raw json.RawMessage, bare int, truncated bool, err error) {
	run := &shownRun{RunView: *view}
	outputs := run.takeOutputs()
	var results []*piece
	run.Tasks = []*shownTask{}
	for i := range len(view.Tasks) + len(view.Handlers) {
		from := view.At(i)
		task := &shownTask{TaskView: *from}
		task.Result = nil
		if i < len(view.Tasks) {
			run.Tasks = append(run.Tasks, task)
		} else {
			run.Handlers = append(run.Handlers, task)
		}
		total := max(from.Size, len(from.Result))
		switch {
		case total == 0:
		case want.shows(view, from):
			results = append(results, r.piece(view.RunID, task, from.Result, want.limit))
		default:
			task.cut = &cut{Total: total}
			if want.tasks == nil {
				run.Note = noteOutputs
			}
		}
	}
	if level >= levelBrief {
		truncated = run.brief()
	}
	if level == levelFewer {
		tasks := room / 4 * 3
		if len(outputs) > 0 {
			tasks = room / 2
		}
		if err := run.fewer(tasks); err != nil {
			return nil, 0, false, err
		}
		truncated = true
	}
	without, err := plainjson.Marshal(run)
	if err != nil {
		return nil, 0, false, err
	}
	left := room - len(without)
	for _, group := range [][]*piece{outputs, results} {
		var cuts bool
		left, cuts = share(group, left)
		truncated = truncated || cuts
	}
	if len(run.CutOutputs) == 0 {
		run.CutOutputs = nil
	}
	raw, err = plainjson.Marshal(run)
	return raw, len(without), truncated, err
}

// takeOutputs takes the outputs out of the run, and returns them as pieces.
func (run *shownRun) takeOutputs() (list []*piece) {
	all := run.Outputs
	run.Outputs, run.CutOutputs = map[string]json.RawMessage{}, map[string]*cut{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value := all[name]
		p := &piece{size: len(value), whole: value, head: head(value), extra: len(name) + 6, cut: &cut{Truncated: true, Total: len(value)}}
		p.show = func() {
			delete(run.CutOutputs, name)
			run.Outputs[name] = value
		}
		run.CutOutputs[name] = p.cut
		list = append(list, p)
	}
	return list
}

// piece marks a task's result as cut, and returns it as a piece.
func (r *runs) piece(runID string, task *shownTask, result json.RawMessage, limit int) *piece {
	p := &piece{size: max(task.Size, len(result)), whole: result, head: task.Head, extra: len(`,"result":`)}
	if result != nil {
		p.head = head(result)
	}
	if limit >= 0 && p.size > limit {
		p.whole, p.head = nil, shorten.Bytes(p.head, limit)
	}
	if p.next = r.readRest(runID, task.ID, 0); p.next != nil {
		p.next.Why = ""
	}
	p.cut = &cut{Truncated: true, Total: p.size}
	task.cut = p.cut
	p.show = func() { task.Result, task.cut = p.whole, nil }
	return p
}

func head(raw json.RawMessage) string { return string(raw[:min(len(raw), headSize)]) }

// headSize is how much of a long result is read for its preview. It is more
// than is shown, so that the preview says that it is cut.
const headSize = maxPreview + 16

// share divides room among results that are marked as cut, and returns what is
// left of it, and whether some stay cut. As many as possible are whole, the
// shortest first. The others have the call that reads them, and previews of the
// same length.
func share(pieces []*piece, room int) (left int, cuts bool) {
	order := slices.Clone(pieces)
	slices.SortStableFunc(order, func(a, b *piece) int { return cmp.Compare(a.size, b.size) })
	reserved := 0
	for _, each := range order {
		reserved += each.call() + minPreview
	}
	if reserved > room {
		reserved = 0
	}
	for len(order) > 0 && order[0].whole != nil {
		first := order[0]
		after := max(0, reserved-first.call()-minPreview)
		if first.size+first.extra+after > room {
			break
		}
		first.show()
		room, reserved, order = room-first.size-first.extra, after, order[1:]
	}
	for i, each := range order {
		room -= each.describe(room / (len(order) - i))
	}
	return room, len(order) > 0
}

// call returns the length of the call that reads a piece.
func (p *piece) call() int {
	if p.next == nil {
		return 0
	}
	raw, err := plainjson.Marshal(p.next)
	if err != nil {
		return 0
	}
	return len(raw) + len(`,"next":`)
}

// describe adds to a cut piece what fits into room, and returns how much that is.
func (p *piece) describe(room int) (used int) {
	if call := p.call(); call > 0 && call <= room {
		p.cut.Next, used = p.next, call
	}
	const key = len(`,"preview":`)
	if most := min(room-used-key, maxPreview); most >= minPreview/2 && p.head != "" {
		p.cut.Preview = shorten.JSON(p.head, most)
		used += len(plainjson.AppendString(nil, p.cut.Preview)) + key
	}
	return used
}

// brief leaves out details of tasks, and reports whether there were any.
func (run *shownRun) brief() (changed bool) {
	text := func(s *string) {
		if short := shorten.Bytes(*s, briefText); short != *s {
			*s, changed = short, true
		}
	}
	run.Warnings = nil // they are in the envelope
	run.OutputErrors = slices.Clone(run.OutputErrors)
	for i := range run.OutputErrors {
		text(&run.OutputErrors[i].Error)
	}
	for _, task := range slices.Concat(run.Tasks, run.Handlers) {
		changed = changed || task.StartedAt != nil || task.UserID != ""
		task.StartedAt, task.CompletedAt, task.UserID = nil, nil, ""
		text(&task.Error)
		text(&task.Hint)
		for _, ids := range []*[]string{&task.BlockedBy, &task.RootCauses} {
			if more := len(*ids) - briefIDs; more > 0 {
				*ids, changed = append(slices.Clone((*ids)[:briefIDs]), fmt.Sprintf("and %d more", more)), true
			}
		}
		if more := len(task.Errors) - briefElements; more > 0 {
			task.Errors, task.OmittedErrors, changed = task.Errors[:briefElements], more, true
		}
		task.Errors = slices.Clone(task.Errors)
		for i := range task.Errors {
			text(&task.Errors[i].Error)
		}
	}
	return changed
}

// weights order tasks by how much they say about a run.
var weights = map[chain.State]int{chain.Failed: 5, chain.InProgress: 4, chain.Waiting: 4, chain.Cancelled: 3, chain.Skipped: 2, chain.Pending: 1}

// fewer leaves out the tasks that don't fit into room: those that completed
// first. The others keep their order.
func (run *shownRun) fewer(room int) error {
	all, tasks := slices.Concat(run.Tasks, run.Handlers), len(run.Tasks)
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(weights[all[b].Status], weights[all[a].Status])
	})
	kept := make([]bool, len(order))
	for _, i := range order {
		raw, err := plainjson.Marshal(all[i])
		if err != nil {
			return err
		}
		if room -= len(raw) + 1; room < 0 {
			break
		}
		kept[i] = true
	}
	run.Tasks, run.Handlers = []*shownTask{}, nil
	for i, task := range all {
		switch {
		case !kept[i]:
			run.Omitted++
		case i < tasks:
			run.Tasks = append(run.Tasks, task)
		default:
			run.Handlers = append(run.Handlers, task)
		}
	}
	return nil
}
