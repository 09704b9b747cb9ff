package planner

import (
	"fmt"
	"slices"
	"strings"
)

// condition is when a clause happens, as jq expressions.
type condition struct {
	holds, not string
	from       []dependency
	failed     bool // it is about a step that failed
	status     bool // it is about how steps ended
}

// otherwise returns the opposite.
func (c *condition) otherwise() *condition {
	return &condition{holds: c.not, not: c.holds, from: c.from, status: c.status}
}

// apply sets the condition on the steps of the clause.
func (c *condition) apply(p *planner) {
	applied := false
	for _, s := range p.steps[p.made:] {
		if !s.acts {
			continue
		}
		applied = true
		s.when = "${{ " + c.holds + " }}"
		s.needs = append(slices.Clone(s.needs), c.from...)
		for i := range s.order {
			s.order[i].soft = s.order[i].soft || c.status
		}
	}
	if !applied {
		p.refuse("%q: in the built-in planner a condition is for saving, sending, running and reporting only", p.said(p.begin, p.at))
	}
}

// condition reads "if the disk is more than 90% full" and its like.
func (p *planner) condition() *condition {
	unless := p.peek(0).low == "unless"
	p.at++
	start := p.at
	for _, read := range []func() *condition{p.ended, p.counted, p.threshold, p.usageTest, p.compared} {
		p.at = start
		if c := read(); c != nil {
			if unless {
				return c.otherwise()
			}
			return c
		}
		if p.err != nil {
			return nil
		}
	}
	p.at = start
	p.unread()
	return nil
}

// ended reads "it fails", "anything fails", "the request succeeds", "not".
func (p *planner) ended() *condition {
	steps := p.recent
	failed := false
	switch {
	case p.eat("anything", "any") && (p.tokens[p.at-1].low == "anything" || p.eat("step", "task")):
		steps = nil
		for i := range p.steps {
			steps = append(steps, i)
		}
		if failed = p.phrase(words().Failed) != ""; !failed {
			return nil
		}
	case p.eat("not"):
		if len(p.verbs) == 0 || p.verbs[len(p.verbs)-1] != "check" {
			return nil
		}
		failed = true
	default:
		p.eat("the")
		what := p.peek(0).low
		switch {
		case p.eat("it", "that", "this"):
			steps = p.behind(steps)
		case words().Calls[what] != nil:
			p.at++
			steps = slices.DeleteFunc(p.behind(steps), func(i int) bool { return !slices.Contains(words().Calls[what], p.steps[i].executor) })
		case !p.eat("validation", "check", "run"):
			return nil
		}
		if failed = p.phrase(words().Failed) != ""; !failed && p.phrase(words().Succeeded) == "" {
			return nil
		}
	}
	if len(steps) == 0 {
		return nil
	}
	var states []string
	c := &condition{failed: failed, status: true}
	for _, i := range steps {
		states = append(states, "tasks."+p.steps[i].id+".status")
		c.from = append(c.from, dependency{i, true})
	}
	anyFailed := "[" + strings.Join(states, ", ") + `] | any(. == "failed")`
	allDone := "[" + strings.Join(states, ", ") + `] | all(. == "completed")`
	if len(states) == 1 {
		anyFailed, allDone = states[0]+` == "failed"`, states[0]+` == "completed"`
	}
	c.holds, c.not = anyFailed, allDone
	if !failed {
		c.holds, c.not = allDone, anyFailed
	}
	return c
}

// behind returns steps, after all those whose data they need: if one of these
// fails, the steps are skipped, which is no failure of their own.
func (p *planner) behind(steps []int) (all []int) {
	in := make([]bool, len(p.steps))
	for _, i := range steps {
		in[i] = true
	}
	for i, each := range slices.Backward(p.steps) { // a step needs only earlier ones
		if !in[i] {
			continue
		}
		all = append(all, i)
		for _, need := range each.needs {
			in[need.step] = in[need.step] || !need.soft
		}
	}
	slices.Reverse(all)
	return all
}

// about makes a condition of an expression over data.
func (p *planner) about(expression string, all ...*data) *condition {
	c := &condition{holds: expression, not: "(" + expression + ") | not"}
	for _, d := range all {
		d.used = true
		c.from = append(c.from, d.from...)
	}
	return c
}

// counted reads "there are more than 5 orders", "it has no rows".
func (p *planner) counted() *condition {
	if p.eat("there") {
		if !p.eat("are", "is") {
			return nil
		}
	} else if !p.eat("it", "they") || !p.eat("has", "have") {
		return nil
	}
	test := ""
	switch {
	case p.eat("no"):
		test = "== 0"
	case p.eat("any"):
		test = "> 0"
	default:
		op := p.comparison()
		n, ok := p.kind(number)
		if !ok || n.percent {
			return nil
		}
		if op == "" {
			op = "=="
		}
		test = op + " " + n.text
	}
	var s subject
	s.data = p.last
	if !p.noun(&s) || s.noun == "" {
		return nil
	}
	d := p.single(s)
	return p.about(fmt.Sprintf(`(%s | %slength) %s`, listed(d), isList, test), d)
}

// threshold reads "the threshold is exceeded" of what was measured.
func (p *planner) threshold() *condition {
	p.eat("the", "a")
	if !p.eat("threshold", "thresholds") {
		return nil
	}
	p.eat("is", "are")
	if !p.eat("exceeded") {
		return nil
	}
	var measured []*data
	var numbers []string
	for _, d := range p.measured {
		if usage(d) != "" {
			measured = append(measured, d)
			numbers = append(numbers, usage(d))
		}
	}
	if len(measured) == 0 {
		p.refuse("%q: the requirement does not say what the threshold is for", p.said(p.begin, p.at))
		return nil
	}
	return p.about("(["+strings.Join(numbers, ", ")+"] | max) > "+p.askFor("threshold", "threshold"), measured...)
}

// usage is the percentage of a measured resource that is in use.
func usage(d *data) string {
	if d.kind == system && slices.Contains([]string{"cpu", "memory", "disk"}, d.resource) {
		return "tasks." + d.label + ".result." + d.resource + ".usage_percent"
	}
	return ""
}

// usageTest reads "the disk is more than 90% full".
func (p *planner) usageTest() *condition {
	p.eat("the")
	t := p.peek(0)
	resource := words().Resources[t.low]
	var found *data
	for _, d := range p.measured {
		if usage(d) != "" && (d.resource == resource || (t.low == "it" || t.low == "usage") && len(p.last) == 1 && d == p.last[0]) {
			found = d
		}
	}
	if found == nil {
		return nil
	}
	p.at++
	p.eat("usage", "load", "use")
	p.eat("is")
	op := p.comparison()
	n, ok := p.kind(number)
	if op == "" || !ok {
		return nil
	}
	if !n.percent && !p.eat("percent", "%") {
		return nil
	}
	p.eat("full", "used", "busy")
	return p.about(usage(found)+" "+op+" "+n.text, found)
}

// compared reads "the count is over 5", "its status is paid", "they differ".
func (p *planner) compared() *condition {
	if len(p.last) != 1 {
		return nil
	}
	d := p.last[0]
	if d.kind == scalar {
		p.eat("the")
		if !p.eat(append([]string{"it"}, words().Number...)...) {
			return nil
		}
		p.eat("is")
		op := p.comparison()
		n, ok := p.kind(number)
		if op == "" || !ok || n.percent {
			return nil
		}
		return p.about(fmt.Sprintf("(%s | tonumber) %s %s", d.value, op, n.text), d)
	}
	if !p.eat("its") {
		return nil
	}
	test := p.test()
	if test == "" {
		return nil
	}
	return p.about("("+d.value+" | "+test+")", d)
}

// comparison consumes a comparison, with "is" before it or not, and returns
// jq's operator.
func (p *planner) comparison() string {
	for _, pair := range words().Comparisons {
		if p.phrase(pair[:1]) != "" {
			return pair[1]
		}
	}
	return ""
}

// test reads "status is paid", "price is at least 10", "date is before
// 2026-01-31", and returns a jq condition on one element.
func (p *planner) test() string {
	field, ok := p.field()
	if !ok {
		return ""
	}
	is := p.eat("is", "are", "was")
	op := p.comparison()
	switch {
	case op != "":
	case !is:
		return ""
	case p.eat("not"):
		op = "!="
	default:
		op = "=="
	}
	path := jqPath(field)
	t := p.peek(0)
	equal := op == "==" || op == "!="
	switch {
	case t.kind == number && !t.percent:
		path = "(" + path + " | tonumber)"
	case t.kind == date:
		p.at++
		return fmt.Sprintf(`(%s | tostring | if test("^[0-9]{4}-[0-9]{2}-[0-9]{2}") then .[:10] else error("%s is no date such as 2026-01-31") end) %s %s`, path, field, op, quote(t.text))
	case equal && (t.kind == quoted || t.kind == word && plainWord(t)):
		p.at++
		return fmt.Sprintf("(%s | tostring) %s %s", path, op, quote(t.text))
	default:
		return ""
	}
	p.at++
	return path + " " + op + " " + t.text
}

// tests reads several tests, joined by "and".
func (p *planner) tests() string {
	all := p.test()
	for all != "" && p.try(func() bool {
		if !p.eat("and") {
			return false
		}
		next := p.test()
		if next != "" {
			all += " and " + next
		}
		return next != ""
	}) {
	}
	return all
}
