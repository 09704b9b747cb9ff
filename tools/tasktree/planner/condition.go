package planner

import (
	"fmt"
	"slices"
	"strings"
)

// condition is the expression of when a step is done.
func (p *planner) condition(s *step) string {
	expression := p.test(s)
	if expression == "" {
		input := s.id + "_if"
		p.asked[input] = map[string]any{"type": "boolean", "description": "Whether this holds: " + content(s.when.tokens)}
		p.warn("it is not clear how to tell whether %q: the run's input %s is to say it", content(s.when.tokens), input)
		expression = "inputs." + input
	}
	if s.when.negate {
		if strings.ContainsAny(expression, "|") || strings.Contains(expression, " and ") || strings.Contains(expression, " or ") {
			expression = "(" + expression + ")"
		}
		expression += " | not"
	}
	return reference(expression)
}

func (p *planner) test(s *step) string {
	l := words()
	tokens := s.when.tokens
	before := p.subject(s)
	if operator, i, limit, ok := p.limit(s); ok {
		switch {
		case strings.HasPrefix(limit, `"`) && before >= 0:
			return p.says(s, tokens[:i], operator, limit)
		case before >= 0 && p.isText(before) && !countsWhat(tokens) && len(p.usage(tokens[:i], s)) == 0:
			return "" // no number of it is in a text
		}
		return p.measure(s, tokens[:i]) + " " + operator + " " + limit
	}
	if before < 0 {
		return ""
	}
	held := heldIn(tokens)
	switch {
	case held != "":
		return fmt.Sprintf("%s | tostring | contains(%q)", grouped(p.read(before)), held)
	case p.graph.steps[before].class == "compare" && p.graph.steps[before].inputs["program"] != nil && has(tokens, l.Differ):
		return p.read(before) + ".equal | not"
	case p.graph.steps[before].class == "compare" && p.graph.steps[before].inputs["program"] != nil && has(tokens, l.Same):
		return p.read(before) + ".equal"
	case has(tokens, l.Failed) && has(tokens, l.AnyTask):
		return p.anyFailed(s)
	case has(tokens, l.Failed):
		return p.ended(s, before, "failed")
	case has(tokens, l.Empty):
		return fmt.Sprintf("%s | length == 0", grouped(p.read(before)))
	case has(tokens, l.Succeeded):
		return p.ended(s, before, "completed")
	case has(tokens, l.Present):
		return fmt.Sprintf("%s | length > 0", grouped(p.read(before)))
	}
	return ""
}

// heldIn is the text that a condition looks for: "it contains error".
func heldIn(tokens []token) string {
	at, n := find(tokens, words().Holds)
	if at < 0 {
		return ""
	}
	for _, t := range tokens[at+n:] {
		if t.kind == quoted || t.kind == word && !slices.Contains(empties, t.low) && t.low != "word" && t.low != "text" {
			return t.text
		}
	}
	return ""
}

func grouped(expression string) string {
	if strings.Contains(expression, "|") {
		return "(" + expression + ")"
	}
	return expression
}

// ended asks how a task ended, which makes the step go on whatever that was.
func (p *planner) ended(s *step, i int, state string) string {
	if !slices.Contains(s.soft, i) {
		s.soft = append(s.soft, i)
	}
	return fmt.Sprintf("tasks.%s.status == %q", p.graph.steps[i].id, state)
}

// anyFailed asks whether any of the tasks before has failed.
func (p *planner) anyFailed(s *step) string {
	var states []string
	for i := range p.graph.steps {
		if p.comesBefore(i, s) {
			states = append(states, "tasks."+p.graph.steps[i].id+".status")
		}
	}
	for _, i := range s.deps {
		if !slices.Contains(s.soft, i) {
			s.soft = append(s.soft, i)
		}
	}
	return "[" + strings.Join(states, ", ") + `] | any(. == "failed")`
}

// subject is the step that a condition speaks of: the last that is not under a
// condition itself.
func (p *planner) subject(s *step) int {
	for _, i := range slices.Backward(s.data) {
		if p.graph.steps[i].when != s.when && len(s.data) > 1 && p.graph.steps[i].isNamedIn(s.when.tokens) {
			return i
		}
	}
	for _, list := range [][]int{s.data, s.deps} {
		for k := len(list) - 1; k >= 0; k-- {
			if p.graph.steps[list[k]].when != s.when {
				return list[k]
			}
		}
	}
	return -1
}

// isNamedIn: a condition has a noun of what the step is about: the "errors" of
// the errors table.
func (s *step) isNamedIn(tokens []token) bool {
	return slices.ContainsFunc(tokens, func(t token) bool {
		return t.kind == word && len(t.low) > 3 && !slices.Contains([]string{"than", "more", "less", "there", "table", "file", "data", "with", "rows"}, t.low) &&
			slices.ContainsFunc(s.tokens, func(own token) bool { return own.kind == word && singular(own.low) == singular(t.low) })
	})
}

// limit reads the comparison of a condition. A threshold that it does not give
// becomes an input of the run.
func (p *planner) limit(s *step) (operator string, at int, limit string, ok bool) {
	tokens := s.when.tokens
	for i := range tokens {
		operator, n := comparison(tokens, i)
		if n == 0 {
			continue
		}
		for _, t := range tokens[i+n:] {
			if t.kind == number {
				return operator, i, numberOf(t), true
			}
		}
		if operator == "==" || operator == "!=" {
			if i+n < len(tokens) && tokens[i+n].kind == quoted {
				return operator, i, literalOf(tokens[i+n]), true
			}
			continue
		}
		if has(tokens, []string{"threshold", "limit", "thresholds", "limits"}) {
			p.asked["threshold"] = map[string]any{"type": "number", "description": "From where on: " + content(tokens)}
			p.warn("the requirement does not say the threshold: the run's input threshold is to give it")
			return operator, i, "inputs.threshold", true
		}
	}
	return "", 0, "", false
}

// measure is the number that a condition compares: how full a resource is, how
// many elements there are, or the field that it names.
func (p *planner) measure(s *step, subject []token) string {
	usage := p.usage(subject, s)
	if countsWhat(s.when.tokens) && !has(subject, []string{"usage", "load"}) && has(s.when.tokens, []string{"there are", "rows", "items", "records", "errors", "entries", "lines"}) {
		usage = nil // it is about how many there are
	}
	if len(usage) == 1 {
		return usage[0]
	} else if len(usage) > 1 {
		return "([" + strings.Join(usage, ", ") + "] | max)"
	}
	before := p.subject(s)
	if before < 0 {
		p.asked["value"] = map[string]any{"type": "number", "description": "What is compared in: " + content(s.when.tokens)}
		p.warn("it is not clear what is compared in %q: the run's input value is to give it", content(s.when.tokens))
		return "inputs.value"
	}
	data := p.read(before)
	if countsWhat(s.when.tokens) {
		return fmt.Sprintf("(%s | if type == \"object\" then [.[] | arrays][0] // . else . end | if type == \"number\" then . else length end)", data)
	}
	field := subjectField(subject)
	if field == "" || field == "threshold" {
		p.warn("it is not clear what is compared in %q: the largest number of %s is", content(s.when.tokens), p.graph.steps[before].id)
		return fmt.Sprintf("([%s | .. | numbers] | max)", data)
	}
	p.warn("%q compares the largest %s that is in the result of %s", content(s.when.tokens), field, p.graph.steps[before].id)
	return fmt.Sprintf("([%s | .. | objects | .[%q] | numbers] | max)", data, field)
}

// countsWhat: a condition is about how many there are.
func countsWhat(tokens []token) bool {
	return has(tokens, []string{"there are", "number of", "count", "rows", "items", "records", "results", "entries", "elements", "errors", "lines"})
}

func subjectField(subject []token) string {
	return fieldWord(slices.DeleteFunc(slices.Clone(subject), func(t token) bool {
		return slices.Contains([]string{"is", "are", "any", "has", "have", "of", "result", "value"}, t.low)
	}))
}

// isText: what a step gives is the text that a program or a file has.
func (p *planner) isText(i int) bool {
	s := p.graph.steps[i]
	path, _ := access(s)
	format, _ := s.inputs["format"].(string)
	return path == ".stdout" || path == ".logs" || path == ".content" && !slices.Contains([]string{"json", "jsonl", "csv"}, format)
}

// says compares a field with a text, wherever it is in the data.
func (p *planner) says(s *step, subject []token, operator, text string) string {
	before := p.subject(s)
	quantifier := map[string]string{"==": "any", "!=": "all"}[operator]
	data := p.read(before)
	field := subjectField(subject)
	if field == "" {
		return fmt.Sprintf("[%s | .. | strings] | %s(. %s %s)", data, quantifier, operator, text)
	}
	p.warn("%q compares every %s that is in the result of %s", content(s.when.tokens), field, p.graph.steps[before].id)
	return fmt.Sprintf("[%s | .. | objects | .[%q] | strings] | %s(. %s %s)", data, field, quantifier, operator, text)
}

// usage are the expressions of how full the measured resources are that a
// condition speaks of; all of them where it names none.
func (p *planner) usage(subject []token, s *step) []string {
	var all, named []string
	for i, other := range p.graph.steps {
		if other.def == nil || !p.comesBefore(i, s) {
			continue
		}
		path, _ := access(other)
		resource := strings.TrimPrefix(path, ".")
		if resource == "" || !hasUsage(other, resource) {
			continue
		}
		expression := "tasks." + other.id + ".result." + resource + ".usage_percent"
		all = append(all, expression)
		if slices.ContainsFunc(subject, func(t token) bool { return t.low == resource || offers().Spoken[t.low] == resource }) {
			named = append(named, expression)
		}
	}
	if len(named) > 0 {
		return named
	}
	return all
}

// comesBefore reports whether a step waits for another, however many are
// between them.
func (p *planner) comesBefore(i int, s *step) bool {
	seen := map[int]bool{}
	open := slices.Clone(s.deps)
	for len(open) > 0 {
		dep := open[len(open)-1]
		open = open[:len(open)-1]
		if dep == i {
			return true
		}
		if !seen[dep] {
			seen[dep] = true
			open = append(open, p.graph.steps[dep].deps...)
		}
	}
	return false
}

func hasUsage(s *step, resource string) bool {
	part, _ := properties(s.def.Output)[resource].(map[string]any)
	fields, _ := part["properties"].(map[string]any)
	required, _ := part["required"].([]any)
	_, ok := fields["usage_percent"]
	return ok || slices.Contains(required, any("usage_percent"))
}
