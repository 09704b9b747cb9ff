package promptchain

import (
	"slices"
	"strconv"
	"strings"
)

// A chain without branches is a line: each task needs the one before. Where a
// gate may stop the chain or go on at a later step, tasks wait for those that
// may come before them, however they end, and each has a condition that says
// whether its turn has come.

// before are the steps that may come right before a step.
func (c *compiled) before(i int) []int {
	if i == 0 {
		return nil
	}
	from := []int{i - 1}
	for k := range i - 1 {
		if c.steps[k].fallback == i {
			from = append(from, k)
		}
	}
	return from
}

func (c *compiled) ref(i int) string { return "tasks[" + strconv.Quote(c.steps[i].Name) + "]" }

// reply is the expression of what a step gave.
func (c *compiled) reply(i int) string {
	switch s := &c.steps[i]; {
	case s.Executor != "":
		return c.ref(i) + ".result"
	case s.OutputSchema != nil:
		return c.ref(i) + ".result.json"
	}
	return c.ref(i) + ".result.content"
}

// prev is the expression of the reply that comes before a step.
func (c *compiled) prev(i int, from []int) string {
	switch len(from) {
	case 0:
		return "inputs.input"
	case 1:
		return c.reply(from[0])
	}
	var b strings.Builder
	for n, k := range from {
		word := "elif "
		if n == 0 {
			word = "if "
		}
		b.WriteString(word + c.turn(i, k) + " then " + c.reply(k) + " ")
	}
	return b.String() + "else null end"
}

// turn is the condition under which step i follows step k.
func (c *compiled) turn(i, k int) string {
	done := c.ref(k) + `.status == "completed"`
	passed := c.ref(k) + ".result.gate.passed"
	switch s := &c.steps[k]; {
	case s.fallback == i && i == k+1:
		return done // it follows either way
	case s.fallback == i:
		return done + " and (" + passed + " | not)"
	case s.fallback > 0 || s.onFail == onStop:
		return done + " and " + passed
	}
	return done
}

// order writes into a task what it waits for, and when its turn is.
func (c *compiled) order(i int, task map[string]any, from []int, read []string) {
	if i == 0 {
		return
	}
	if !c.branches {
		task["dependencies"] = []any{c.steps[i-1].Name}
		return
	}
	var names, turns []string
	for _, k := range from {
		names = append(names, c.steps[k].Name)
		turns = append(turns, "("+c.turn(i, k)+")")
	}
	for _, name := range read {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	list := make([]any, len(names))
	for n, name := range names {
		list[n] = map[string]any{"id": name, "required": false}
	}
	task["dependencies"] = list
	task["when"] = "${{ " + strings.Join(turns, " or ") + " }}"
}
