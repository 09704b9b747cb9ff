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
	p := painter{w: w, limit: width(w), name: nameWidth(view)}
	p.level(roots, "")
	if hidden > 0 {
		p.line(fmt.Sprintf("   … and %s that completed", plural(hidden, "more task")))
	}
	return p.err
}

func nameWidth(view *chain.RunView) int {
	widest := 0
	for i := range view.Tasks {
		widest = max(widest, utf8.RuneCountInString(label(&view.Tasks[i])))
	}
	return min(widest, 36)
}

// label is how a task is called: by its name, with the id where it has one of
// its own.
func label(task *chain.TaskView) string {
	if task.Name == "" || task.Name == task.ID || task.Name == task.Executor {
		return task.ID
	}
	return task.ID + " " + task.Name
}

type painter struct {
	w     io.Writer
	limit int
	name  int
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

func (p *painter) node(node *pictured, lead string) {
	task := node.task
	name := clip(label(task), p.name)
	pad := strings.Repeat(" ", max(0, p.name-utf8.RuneCountInString(name)))
	text := lead + marks[task.Status] + " " + name + pad + "  " + fate(task)
	if len(node.after) > 0 {
		text += "  ← " + listed(node.after)
	}
	if runes := []rune(text); p.limit > 0 && len(runes) > p.limit {
		text = string(runes[:p.limit-1]) + "…"
	}
	p.line(strings.TrimRight(text, " "))
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
