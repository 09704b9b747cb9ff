package planner

import (
	"path"
	"slices"
	"strings"
)

// program reads "process it", "process each category in parallel": what it does
// is a program that the run is given.
func (p *planner) program(f *found) bool {
	each := f.subject.each
	if p.eat("by") { // "by filtering and aggregating" is in the input's description
		for first := true; first || p.try(func() bool { return p.more() && p.isVerb() }); first = false {
			if !p.isVerb() {
				return false
			}
			p.at++
		}
	}
	for p.phrase(words().Parallel) != "" || p.eat("independently", "separately", "individually") {
		each = each || slices.Contains([]string{"independently", "separately", "individually"}, p.tokens[p.at-1].low)
	}
	if p.loop == nil && p.eachWord() {
		p.loop = p.loopOver()
	}
	if p.err != nil {
		return true
	}
	all := p.take(f.subject)
	p.enter(false, false)
	switch {
	case p.loop != nil:
		p.programOn(p.verb, "item", nil, p.heads[len(p.heads)-1:]...)
	case each && len(all) > 1:
		var made []*data
		for _, d := range all {
			made = append(made, p.programOn(p.verb, d.value, d.from, d))
		}
		p.last = made
	case each:
		d := p.single(subject{data: all})
		p.loop = &loop{value: "${{ " + listed(d) + " }}", from: d.from}
		p.programOn(p.verb, "item", nil, d)
	default:
		var from []dependency
		for _, d := range all {
			from = append(from, d.from...)
		}
		p.programOn(p.verb, combined(all), from, all...)
	}
	return true
}

// inLoop reads "process orders in parallel for each customer": the orders are
// in the customer.
func (p *planner) inLoop(f *found) bool {
	_, ok := p.dataName()
	for p.phrase(words().Parallel) != "" {
	}
	if !ok || p.loop != nil || !p.eachWord() {
		return false
	}
	if p.loop = p.loopOver(); p.err == nil {
		p.enter(false, false)
		p.programOn(p.verb, "item", nil, p.last...)
	}
	return true
}

// programOn adds a task with a program that the run is given.
func (p *planner) programOn(verb, value string, from []dependency, of ...*data) *data {
	s := p.add(verb, "data_processor", map[string]any{"operation": "jq", "data": "${{ " + value + " }}"}, &data{from: from})
	s.inputs["program"] = p.ask(s, "program")
	made := p.result(s, list)
	p.replace(made, of...)
	return made
}

// isVerb reports whether a verb is next: "filter", "filtering".
func (p *planner) isVerb() bool { return p.peek(0).kind == word && words().forms[p.peek(0).low] != "" }

// ways reads "process it in two different ways in parallel (filter and
// aggregate)".
func (p *planner) ways(f *found) bool {
	count := words().Counts[p.peek(0).low]
	if count == 0 {
		return false
	}
	p.at++
	if !p.match("different? ways", f) {
		return false
	}
	p.phrase(words().Parallel)
	if !p.mark("(") && !p.mark(":") {
		return false
	}
	d := p.one(f.subject)
	p.enter(false, false)
	var made []*data
	for first := true; first || p.try(p.more); first = false {
		if !p.isVerb() {
			return false
		}
		verb := words().forms[p.peek(0).low]
		p.at++
		made = append(made, p.programOn(verb, d.value, d.from, d))
		p.steps[len(p.steps)-1].name = title(verb + " the data")
	}
	p.mark(")")
	p.last = made
	return len(made) == count
}

// gather reads "aggregate the results", "collect all outputs": the results
// stay as they are, together.
func (p *planner) gather(f *found) bool {
	all := p.take(f.subject)
	p.enter(false, false)
	s := p.add(p.verb, "aggregate_results_executor", map[string]any{"strategy": "collect"}, all...)
	kept := p.result(s, list)
	kept.value = combined(all)
	for _, d := range all {
		kept.from = append(kept.from, d.from...)
		kept.csv = kept.csv || d.csv
	}
	p.replace(kept, all...)
	return true
}

// script reads "process the response with the Python script clean.py": the
// data is the program's standard input.
func (p *planner) script(f *found) bool {
	d := p.one(f.subject)
	p.enter(false, false)
	s := p.add(p.verb, "command_executor", map[string]any{"stdin": "${{ " + asText(d.value) + " }}", "command": f.command}, d)
	if f.command == nil {
		s.inputs["command"] = p.ask(s, "command")
	}
	p.replace(p.result(s, raw), d)
	return true
}

// scriptName reads a script's file or a command in quotes, or returns nil.
func (p *planner) scriptName() any {
	if t, ok := p.kind(code, quoted); ok {
		return literal(t.text)
	}
	t, ok := p.kind(filePath)
	if !ok {
		return nil
	}
	command := []any{literal(t.text)}
	if program := words().Interpreters[strings.TrimPrefix(path.Ext(t.text), ".")]; program != "" {
		command = append([]any{program}, command...)
	}
	return command
}

// command reads "run `df -h`", "run the script clean.sh".
func (p *planner) command(f *found) bool {
	p.enter(false, true)
	s := p.add("run", "command_executor", map[string]any{"command": f.command})
	s.acts = true
	p.last = nil
	p.hand([]*data{p.result(s, raw, "output", "log")})
	return true
}
