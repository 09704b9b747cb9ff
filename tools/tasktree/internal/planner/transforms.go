package planner

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// transform adds a step that makes new data of one.
func (p *planner) transform(verb string, d *data, kind form, inputs map[string]any) *data {
	p.enter(false, false)
	if inputs["data"] == nil {
		inputs["data"] = "${{ " + listed(d) + " }}"
	}
	s := p.add(verb, "data_processor", inputs, d)
	made := p.result(s, kind)
	made.csv = d.csv
	p.replace(made, d)
	return made
}

// make adds the step of a shape with inputs. In these, @NAME is what a slot has
// read, and else an input of the run; @NAME? is left out; @NAME! and @NAME# are a
// field as a path and as a string of jq. Data of a CSV file has texts only: the field that is calculated
// with is made a number.
func (p *planner) make(s shape, f *found) bool {
	if len(f.subject.data)+len(f.subject.from) == 0 {
		f.subject.data = p.last
	}
	if !p.known(f.subject) || len(s.Make) == 0 && f.subject.part == "" {
		return p.err != nil
	}
	d := p.one(f.subject)
	if len(s.Make) == 0 || p.err != nil {
		return true // "keep the first 5": taking the part was all
	}
	kind := list
	if s.Scalar {
		kind = scalar
	}
	inputs := map[string]any{}
	if field := f.values["amount"]; d.csv && field != "" {
		inputs["data"] = "${{ " + listed(d) + " | map(" + jqPath(field) + " |= tonumber) }}"
	}
	if s.Whole {
		inputs["data"], kind = "${{ "+d.value+" }}", d.kind
	}
	made := p.transform(p.verb, d, kind, inputs)
	step := p.steps[made.step]
	for name, value := range s.Make {
		if value = p.filled(step, value, f); value != "" {
			inputs[name] = value
		}
	}
	if noun := cmp.Or(f.values["noun"], s.Noun); noun != "" {
		made.nouns = append(made.nouns, stem(strings.ToLower(noun)))
	}
	return true
}

// filled writes what was read into an input.
func (p *planner) filled(step *step, value any, f *found) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, each := range v {
			key, _ := p.filled(step, name, f).(string)
			out[key] = p.filled(step, each, f)
		}
		return out
	case string:
		v = strings.ReplaceAll(v, "LIST", isList)
		for _, name := range slices.Sorted(slices.Values([]string{"where", "by", "amount", "op", "fields", "condition"})) {
			read := f.values[name]
			v = strings.ReplaceAll(v, "@"+name+"?", read)
			v = strings.ReplaceAll(v, "@"+name+"!", jqPath(read))
			v = strings.ReplaceAll(v, "@"+name+"#", quote(read))
			if read == "" && strings.Contains(v, "@"+name) {
				read = p.ask(step, name)
			}
			v = strings.ReplaceAll(v, "@"+name, read)
		}
		return v
	}
	return value
}

// operations are the names of calculations.
var operations = map[string]string{"sum": "sum", "total": "sum", "totals": "sum", "average": "average", "mean": "average", "median": "median", "maximum": "max", "highest": "max", "largest": "max", "minimum": "min", "lowest": "min", "smallest": "min"}

// amount reads the field to calculate with. "The totals" are of the field
// total.
func (p *planner) amount() (string, bool) {
	start := p.at
	plural := p.phrase(words().Determiners) != ""
	t := p.peek(0)
	for _, list := range [][]string{words().Lists, words().Any, words().One, {"per", "by"}} {
		if slices.Contains(list, t.low) {
			return "", false
		}
	}
	field, ok := p.field()
	if next := p.peek(0).low; !ok || len(p.called(t)) > 0 && next != "of" && next != "per" {
		p.at = start
		return "", false
	}
	p.eat("field", "column")
	if plural {
		field = stem(field)
	}
	return field, true
}

// fields reads "id, name and email", as the fields of a jq object.
func (p *planner) fields() (string, bool) {
	var all []string
	for first := true; first || p.try(func() bool { return p.more() && plainWord(p.peek(0)) && words().forms[p.peek(0).low] == "" }); first = false {
		t := p.peek(0)
		if !plainWord(t) {
			return "", false
		}
		p.at++
		all = append(all, quote(t.text)+": "+jqPath(t.text))
	}
	return strings.Join(all, ", "), true
}

// literals reads "the sum of 1, 2 and 3".
func (p *planner) literals(f *found) bool {
	var all []any
	for p.peek(0).kind == number && !p.peek(0).percent && (len(all) == 0 || p.tokens[p.at-1].kind != number) {
		all = append(all, json.Number(p.peek(0).text))
		p.at++
		p.try(func() bool { return p.more() && p.peek(0).kind == number })
	}
	if len(all) == 0 {
		return false
	}
	p.enter(true, true)
	p.hand([]*data{p.result(p.add(p.verb, "data_processor", map[string]any{"operation": f.values["op"], "data": all}), scalar)})
	return true
}

// all reads the subject of a verb that works on several: "them", "the users
// and the orders".
func (p *planner) all(s subject) []*data {
	found := p.take(s)
	for s.said && p.try(func() bool {
		if !p.more() && !p.eat("with") {
			return false
		}
		next, ok := p.subject(false)
		if ok = ok && next.said && len(next.data) == 1; ok {
			found = append(slices.Clone(found), next.data...)
		}
		return ok
	}) {
	}
	if len(found) == 1 && !strings.HasPrefix(found[0].value, "[") {
		found = p.unused()
	}
	return found
}

// join reads "join both on product_id".
func (p *planner) join(f *found) bool {
	all := p.all(f.subject)
	if !p.match("on|by <by:field>", f) {
		return false
	}
	if len(all) != 2 {
		p.refuse("%q: the requirement does not say which two data are meant", p.said(p.begin, p.at))
		return true
	}
	p.enter(false, false)
	sides := make([]string, 2)
	for i, d := range all {
		if sides[i] = listed(d); all[1-i].csv && !d.csv { // keys of a CSV file are texts
			sides[i] += " | map(" + jqPath(f.values["by"]) + " |= tostring)"
		}
	}
	s := p.add(p.verb, "data_processor", map[string]any{"operation": "join", "on": f.values["by"], "data": "${{ " + sides[0] + " }}", "with": "${{ " + sides[1] + " }}"}, all...)
	made := p.result(s, list)
	made.csv = all[0].csv || all[1].csv
	p.replace(made, all...)
	return true
}

// merge reads "merge them", "combine all results into all.json".
func (p *planner) merge(f *found) bool {
	all := p.all(f.subject)
	if len(all) == 0 || len(all) == 1 && !strings.HasPrefix(all[0].value, "[") {
		p.refuse("%q: there is only one result before it", p.said(p.begin, p.at))
		return true
	}
	if p.eat("into", "to", "in") && !p.match("<destination>", f) {
		return false
	}
	p.enter(false, false)
	if len(f.dests) > 0 {
		p.put(f.dests[0], mergedValue(all), all...)
		return true
	}
	step := p.add(p.verb, "data_processor", map[string]any{"operation": "jq", "program": ".", "data": "${{ " + mergedValue(all) + " }}"}, all...)
	made := p.result(step, list)
	made.csv = slices.ContainsFunc(all, func(d *data) bool { return d.csv })
	p.replace(made, all...)
	return true
}
