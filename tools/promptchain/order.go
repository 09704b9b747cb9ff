package promptchain

import (
	"slices"
	"strconv"
	"strings"
)

// In a chain without branches each task depends on the one before. Where a gate
// may stop the chain, or continue at a later step, each task waits for all
// tasks that may come before it, in whatever state they end, and has a
// condition that says whether it is the next one.

// before returns the steps that may come directly before a step.
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

// reply returns the expression of a step's output.
func (c *compiled) reply(i int) string {
	switch s := &c.steps[i]; {
	case s.Executor != "":
		return c.ref(i) + ".result"
	case s.OutputSchema != nil:
		return c.ref(i) + ".result.json"
	}
	return c.ref(i) + ".result.content"
}

// prev returns the expression of the reply that comes before a step.
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

// turn returns the condition under which step i follows step k.
func (c *compiled) turn(i, k int) string {
	done := c.ref(k) + `.status == "completed"`
	passed := c.ref(k) + ".result.gate.passed"
	switch s := &c.steps[k]; {
	case s.fallback == i && i == k+1:
		return done // it follows whether the gate passes or not
	case s.fallback == i:
		return done + " and (" + passed + " | not)"
	case s.fallback > 0 || s.onFail == onStop:
		return done + " and " + passed
	}
	return done
}

// order sets the dependencies and the condition of a task.
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
