package cli

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/shorten"
)

// drawTree writes a tree that has not run yet with box characters: each task with
// its executor, dependencies, condition and for_each.
func drawTree(w io.Writer, tree *chain.Tree) error {
	p := painter{w: w, limit: width(w)}
	tasks, executor := tree.Outline(), 0
	for i := range tree.Tasks {
		p.name = max(p.name, min(utf8.RuneCountInString(tree.Tasks[i].ID), 36))
		executor = max(executor, len(tree.Tasks[i].Executor))
	}
	for i := range tree.Tasks {
		if i == maxPicture {
			p.line("   … and " + plural(len(tree.Tasks)-i, "more task"))
			break
		}
		task := &tree.Tasks[i]
		if i > 0 && task.Handler != tree.Tasks[i-1].Handler || i == 0 && task.Handler != "" {
			p.line(task.Handler)
		}
		lead := "├─ "
		if i == len(tree.Tasks)-1 || tree.Tasks[i+1].Handler != task.Handler {
			lead = "└─ "
		}
		p.plain(lead + padded(shorten.Line(task.ID, p.name), p.name) + "  " + padded(task.Executor, executor) + manner(tasks, i))
	}
	return p.err
}

// manner returns the dependencies, the condition and the for_each of a task as
// text.
func manner(tasks []chain.Outline, i int) string {
	var text string
	if names := awaitedBy(tasks, i); len(names) > 0 {
		text += gap + "← " + listed(names)
	}
	if tasks[i].ForEach {
		text += "  (for each)"
	}
	if tasks[i].When {
		text += "  (on a condition)"
	}
	return text
}

func padded(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// plain writes a line, cut to the width of the terminal.
func (p *painter) plain(text string) {
	if p.limit > 0 {
		text = shorten.Runes(text, p.limit)
	}
	p.line(strings.TrimRight(text, " "))
}
