package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/chainwright/chainwright/chain"
)

// maxPicture bounds the tasks of a picture; past it only what did not
// complete is drawn.
const maxPicture = 200

var marks = map[chain.State]string{
	chain.Pending: "·", chain.InProgress: "▸", chain.Completed: "✓", chain.Failed: "✗", chain.Cancelled: "■", chain.Skipped: "–",
}

// pictured is one task of a picture.
type pictured struct {
	task  *chain.TaskView
	after []string // the ids of what it waits for, where that is known
	under []*pictured
}

// draw writes a run as a tree of its tasks with box characters: how each
// ended, how long it took, and what it waited for.
func draw(w io.Writer, view *chain.RunView, after map[string][]string) error {
	byID := map[string]*pictured{}
	var roots []*pictured
	for i := range view.Tasks {
		task := &view.Tasks[i]
		byID[task.ID] = &pictured{task: task, after: after[task.ID]}
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
	p.columns(roots, 1)
	p.level(roots, "")
	if hidden > 0 {
		p.line(fmt.Sprintf("   … and %s that completed", plural(hidden, "more task")))
	}
	return p.err
}

// ownName is a task's name where it says more than the id and the executor.
func ownName(task *chain.TaskView) string {
	if task.Name == task.ID || task.Name == task.Executor {
		return ""
	}
	return task.Name
}

// label is how a task is called in a line of its own: by its id, with its name
// where it has one.
func label(task *chain.TaskView) string {
	return strings.TrimSpace(task.ID + " " + ownName(task))
}

type painter struct {
	w     io.Writer
	limit int
	id    int // how wide the column of ids is, with the branches before them
	name  int // and that of names; 0 where there are none, or no room
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

// The widths of a picture.
const (
	branchWidth = 3
	fateWidth   = 18 // a state and how long it took
	widestID    = 40
	widestName  = 30
	leastName   = 12 // less of a name says nothing
	leastArrow  = 8  // and less of what a task waits for neither
)

// columns measures the tasks; a terminal that is too narrow for all of a line
// goes without the names, since the ids are what commands take.
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
	text := padded(lead+marks[task.Status]+" "+clip(task.ID, widestID), p.id) + gap
	if p.name > 0 {
		text += padded(clip(ownName(task), p.name), p.name) + gap
	}
	text += fate(task)
	text = strings.TrimRight(text, " ")
	if room := p.limit - utf8.RuneCountInString(text); len(node.after) > 0 && (p.limit == 0 || room >= leastArrow) {
		text += gap + "← " + listed(node.after)
	}
	p.plain(text)
}

// fate is how a task stands, in words.
func fate(task *chain.TaskView) string {
	text := string(task.Status)
	switch {
	case task.Status == chain.Skipped && task.Reason == chain.ReasonDependency:
		text += " (" + listed(task.BlockedBy) + " did not complete)"
	case task.Status == chain.Skipped && task.Reason == chain.ReasonCondition:
		text += " (its condition is false)"
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
