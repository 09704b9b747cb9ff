package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
	"github.com/chainwright/chainwright/executors/shorten"
)

// maxPicture bounds the tasks of a drawing. Of a larger run, only the tasks that
// did not complete are drawn.
const maxPicture = 200

// pictured is one task of a drawing.
type pictured struct {
	task  *chain.TaskView
	after []string // the ids of its dependencies, if known
	under []*pictured
}

// draw writes a run as a tree of its tasks with box characters: the state, the
// duration and the dependencies of each. Tasks with the same parent are in the order
// of the layout.
func draw(w io.Writer, view *chain.RunView, by order) error {
	byID := map[string]*pictured{}
	var roots []*pictured
	for i := range view.Tasks {
		task := &view.Tasks[i]
		byID[task.ID] = &pictured{task: task, after: by.after[task.ID]}
	}
	hidden := 0
	for i := range view.Tasks {
		task := &view.Tasks[i]
		if len(view.Tasks) > maxPicture && task.Status == chain.Completed && task.ParentID != "" {
			hidden++
			continue
		}
		if parent := byID[task.ParentID]; parent != nil {
			parent.under = append(parent.under, byID[task.ID])
			continue
		}
		if len(roots) >= maxPicture && task.Status == chain.Completed {
			hidden++
			continue
		}
		roots = append(roots, byID[task.ID])
	}
	p := painter{w: w, limit: width(w)}
	lists := handlerLists(view, by)
	by.sort(roots)
	p.columns(roots, 1)
	for _, list := range lists {
		p.columns(list.nodes, 1)
	}
	p.level(roots, "")
	if hidden > 0 {
		p.line(fmt.Sprintf("   … and %s that completed", plural(hidden, "more task")))
	}
	for _, list := range lists {
		p.line(list.name)
		p.level(list.nodes, "")
	}
	return p.err
}

// handlerList is a list of handlers in a drawing.
type handlerList struct {
	name  string
	nodes []*pictured
}

// handlerLists returns the handlers by list, without the lists of other outcomes.
func handlerLists(view *chain.RunView, by order) (lists []handlerList) {
	byID := map[string]*pictured{}
	for i := range view.Handlers {
		task := &view.Handlers[i]
		byID[task.ID] = &pictured{task: task, after: by.after[task.ID]}
		if task.Reason == chain.ReasonOutcome {
			continue
		}
		if len(lists) == 0 || lists[len(lists)-1].name != task.Handler {
			lists = append(lists, handlerList{name: task.Handler})
		}
		if parent := byID[task.ParentID]; parent != nil {
			parent.under = append(parent.under, byID[task.ID])
			continue
		}
		last := &lists[len(lists)-1]
		last.nodes = append(last.nodes, byID[task.ID])
	}
	for i := range lists {
		by.sort(lists[i].nodes)
	}
	return lists
}

// ownName returns a task's name, or "" if it equals the id or the executor.
func ownName(task *chain.TaskView) string {
	if task.Name == task.ID || task.Name == task.Executor {
		return ""
	}
	return task.Name
}

// label returns a task's id, followed by its name if it has one.
func label(task *chain.TaskView) string {
	return strings.TrimSpace(task.ID + " " + ownName(task))
}

type painter struct {
	w     io.Writer
	limit int
	id    int // the width of the column of ids, including the branches
	name  int // the width of the column of names; 0: no column
	err   error
}

func (p *painter) line(text string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, text)
	}
}

func (p *painter) level(nodes []*pictured, indent string) {
	for i, node := range nodes {
		branch, below := "├─ ", "│  "
		if i == len(nodes)-1 {
			branch, below = "└─ ", "   "
		}
		p.node(node, indent+branch)
		p.level(node.under, indent+below)
	}
}

// The widths of the columns of a drawing.
const (
	branchWidth = 3
	fateWidth   = 18 // a state and a duration
	widestID    = 40
	widestName  = 30
	leastName   = 12 // a shorter name says nothing
	leastArrow  = 8  // nor does a shorter list of dependencies
)

// columns returns the widths for the tasks. On a terminal that is too narrow,
// the names are left out, because commands take ids.
func (p *painter) columns(nodes []*pictured, depth int) {
	for _, node := range nodes {
		id := min(utf8.RuneCountInString(node.task.ID), widestID)
		p.id = max(p.id, depth*branchWidth+2+id)
		p.name = max(p.name, min(utf8.RuneCountInString(ownName(node.task)), widestName))
		p.columns(node.under, depth+1)
	}
	if room := p.limit - p.id - fateWidth - 2*len(gap); depth == 1 && p.limit > 0 && p.name > room {
		if p.name = room; room < leastName {
			p.name = 0
		}
	}
}

func (p *painter) node(node *pictured, lead string) {
	task := node.task
	text := padded(lead+graph.Mark(task.Status)+" "+shorten.Line(task.ID, widestID), p.id) + gap
	if p.name > 0 {
		text += padded(shorten.Line(ownName(task), p.name), p.name) + gap
	}
	text += fate(task)
	text = strings.TrimRight(text, " ")
	if room := p.limit - utf8.RuneCountInString(text); len(node.after) > 0 && (p.limit == 0 || room >= leastArrow) {
		text += gap + "← " + listed(node.after)
	}
	p.plain(text)
}

// fate returns the state of a task as text.
func fate(task *chain.TaskView) string {
	text := string(task.Status)
	switch {
	case task.Status == chain.Skipped && task.Reason == chain.ReasonDependency:
		text += " (" + listed(task.BlockedBy) + " did not complete)"
	case task.Status == chain.Skipped && task.Reason == chain.ReasonCondition:
		text += " (its condition is false)"
	case task.Status == chain.Skipped && task.Reason == chain.ReasonTimeout:
		text += " (nobody answered in time)"
	case task.Status == chain.Waiting && task.Approval != nil:
		text = fmt.Sprintf("%-9s  %7s  asks: %s", text, took(time.Since(*task.StartedAt)), shorten.Line(task.Approval.Message, 60))
	case task.StartedAt != nil && task.CompletedAt != nil:
		text = fmt.Sprintf("%-9s  %7s", text, took(task.CompletedAt.Sub(*task.StartedAt)))
	case task.StartedAt != nil:
		text = fmt.Sprintf("%-9s  %7s", text, took(time.Since(*task.StartedAt)))
	}
	if task.Attempts > 1 {
		text += fmt.Sprintf("  after %d attempts", task.Attempts)
	}
	return text
}
