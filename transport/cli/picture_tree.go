package cli

import (
	"cmp"
	"io"
	"slices"
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
	for i := range tasks {
		p.name = max(p.name, min(utf8.RuneCountInString(tasks[i].ID), 36))
		executor = max(executor, len(tasks[i].Executor))
	}
	place, sequence := places(tasks), make([]int, len(tasks))
	for i := range sequence {
		sequence[i] = i
	}
	list := func(i int) int { return slices.Index(chain.HandlerLists, tasks[i].Handler) } // -1: none
	slices.SortStableFunc(sequence, func(a, b int) int {
		return cmp.Or(cmp.Compare(list(a), list(b)), cmp.Compare(place[tasks[a].ID], place[tasks[b].ID]))
	})
	for k, i := range sequence {
		if k == maxPicture {
			p.line("   … and " + plural(len(tasks)-k, "more task"))
			break
		}
		task := &tasks[i]
		if k > 0 && task.Handler != tasks[sequence[k-1]].Handler || k == 0 && task.Handler != "" {
			p.line(task.Handler)
		}
		lead := "├─ "
		if k == len(sequence)-1 || tasks[sequence[k+1]].Handler != task.Handler {
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
