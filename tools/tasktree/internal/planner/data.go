package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/plainjson"
)

// form says what is known of data.
type form int

const (
	raw    form = iota // as it came: usually a list
	list               // made by a step that makes lists
	scalar             // one number
	system             // a measurement of this machine
)

// data is what a step makes.
type data struct {
	value    string       // a jq expression
	from     []dependency // the steps that it is from
	step     int
	label    string   // the step's id
	nouns    []string // what it is called
	kind     form
	csv      bool // its values are strings
	lines    bool // it is a text of lines
	resource string
	used     bool
}

// values are where an executor's result has its data. Data that was cut off is
// an error. Some servers send JSON as another type of text.
var values = map[string]string{
	"rest_executor": `if .truncated then error("the response was cut off") elif has("json") then if .next_page then error(.warning) else .json end ` +
		`elif has("text") then .text | (select(test("^\\s*[\\[{]")) | fromjson?) // . else error("the response is not a text") end`,
	"scrape_executor":  `if .truncated then error("the page was cut off") else .content end`,
	"file_reader":      `if .truncated then error("the file was cut off") else .content end`,
	"db_query":         `if .truncated then error("there are more rows than can be read") else .rows end`,
	"command_executor": `if .truncated then error("the output was cut off") else .stdout end`,
	"data_processor":   `.result`,
}

// result is the data that a step makes.
func (p *planner) result(s *step, kind form, nouns ...string) *data {
	value := fmt.Sprintf("(tasks.%s.result | %s)", s.id, values[s.executor])
	if values[s.executor] == "" {
		value = fmt.Sprintf("tasks.%s.result", s.id)
	}
	if s.each != "" {
		value = fmt.Sprintf("[tasks.%s.result[] | %s]", s.id, values[s.executor])
	}
	at := slices.Index(p.steps, s)
	return &data{value: value, from: []dependency{{step: at}}, step: at, label: s.id, nouns: nouns, kind: kind}
}

// replace puts new data in place of the data that it was made of.
func (p *planner) replace(made *data, of ...*data) {
	for _, d := range of {
		made.nouns = append(made.nouns, d.nouns...)
		d.used = true
	}
	made.nouns = slices.Compact(slices.Sorted(slices.Values(made.nouns)))
	if made.kind != scalar {
		p.heads = slices.DeleteFunc(p.heads, func(d *data) bool { return slices.Contains(of, d) })
	}
	p.heads = append(p.heads, made)
	p.last = []*data{made}
}

// subject is what a verb works on.
type subject struct {
	data []*data
	from []source // not read before
	said bool     // by name, not only implied
	each bool     // "each dataset": one by one
	part string   // a program that takes a part: "the first 5"
	noun string
}

// subject reads what a verb works on. With sources, that can be a file or an
// address that was not read before.
func (p *planner) subject(sources bool) (s subject, ok bool) {
	if sources {
		if s.from = p.sourceList(); len(s.from) > 0 {
			s.said = true
			return s, true
		}
	}
	if p.phrase(words().Both) != "" {
		s.said = true
		s.data = p.several(2)
		p.generic(words().Any)
		return s, p.err == nil
	}
	if p.phrase(words().All) != "" {
		s.said = true
		if s.data = p.unused(); len(s.data) == 0 {
			s.data = p.last
		}
		return s, p.known(s)
	}
	s.each = p.eat("each", "every")
	p.phrase(words().Determiners)
	count := p.slice(&s)
	for p.generic(words().Plain) || p.participle() {
	}
	s.data = p.last
	s.said = s.each || count != ""
	for p.noun(&s) || s.said && p.try(func() bool { // the results of all categories
		return p.eat("of") && p.phrase(words().Determiners) != "" && p.noun(&s)
	}) {
		s.said = true
	}
	if count != "" && s.part == "" { // "the top 3 by price"
		if !p.eat("by") {
			return s, false
		}
		field, ok := p.field()
		if !ok {
			return s, false
		}
		s.part = fmt.Sprintf("sort_by(%s | tonumber) | reverse | .[:%s]", jqPath(field), count)
	}
	if s.each && s.noun == "" {
		return s, false
	}
	return s, p.known(s)
}

// known refuses a subject that no step before makes.
func (p *planner) known(s subject) bool {
	if len(s.data)+len(s.from) == 0 {
		p.refuse("%q: the requirement does not say where the data comes from", p.said(p.begin, p.at+1))
	}
	return p.err == nil
}

// noun reads one word for data at hand.
func (p *planner) noun(s *subject) bool {
	t := p.peek(0)
	scalars := len(p.last) > 0 && p.last[0].kind == scalar
	numbers := slices.DeleteFunc(slices.Clone(p.heads), func(d *data) bool { return d.kind != scalar })
	is := func(list []string) bool { return t.kind == word && slices.Contains(list, t.low) }
	switch named := p.called(t); {
	case len(named) > 0:
		s.data, s.noun = named, t.low
	case is(words().Number) && len(numbers) > 0 && (scalars || t.low != "result"):
		s.data = numbers[len(numbers)-1:]
	case is(words().One), t.low == "result" && t.kind == word:
		if len(p.last) > 1 {
			p.refuse("%q: the requirement does not say which of the %d data before is meant", p.said(p.begin, p.at+1), len(p.last))
		}
	case is(words().Lists), is(words().Any):
		if (t.low == "response" || t.low == "reply" || t.low == "answer") && len(p.answered) > 0 {
			s.data = p.answered
			break
		}
		if s.noun = t.low; !scalars {
			break
		}
		if t.low != "results" && t.low != "result" {
			p.refuse("the built-in planner does not know whether %q in %q is the number or what it was made of: name it", t.text, p.said(p.begin, p.at+1))
		}
	default:
		return false
	}
	p.at++
	return true
}

// called returns the newest data that has a name.
func (p *planner) called(t token) []*data {
	if t.kind != word {
		return nil
	}
	for _, d := range slices.Backward(p.heads) {
		if d.kind != scalar && slices.Contains(d.nouns, stem(t.low)) {
			return []*data{d}
		}
	}
	return nil
}

// generic consumes a word of a list.
func (p *planner) generic(list []string) bool { return p.eat(list...) }

// participle consumes "processed" behind a clause that processes.
func (p *planner) participle() bool {
	t := p.peek(0)
	for _, verb := range p.verbs {
		if base, ed := strings.CutSuffix(t.low, "ed"); ed && strings.HasPrefix(verb, strings.TrimRight(base, verb[len(verb)-1:])) && len(base) >= len(verb)-1 {
			p.at++
			return true
		}
	}
	return false
}

// unused returns the data that nothing works on yet.
func (p *planner) unused() []*data {
	return slices.DeleteFunc(slices.Clone(p.heads), func(d *data) bool { return d.used })
}

// several returns the last n data.
func (p *planner) several(n int) []*data {
	for _, found := range [][]*data{p.last, p.unused(), p.heads} {
		if len(found) == n {
			return found
		}
	}
	p.refuse("%q: the requirement does not say which data are meant", p.said(p.begin, p.at))
	return nil
}

// slice reads "first 5", "last 5" and "top 5", and returns the number.
func (p *planner) slice(s *subject) string {
	which, n := p.peek(0).low, p.peek(1)
	form, ok := map[string]string{"first": ".[:%s]", "last": ".[-%s:]", "top": ""}[which]
	if !ok || n.kind != number || strings.ContainsAny(n.text, "-.") || n.percent || len(n.text) > 9 || strings.Trim(n.text, "0") == "" {
		return ""
	}
	p.at += 2
	if form != "" {
		s.part = fmt.Sprintf(form, n.text)
	}
	return n.text
}

// take returns the data of a subject. It reads the sources and takes the part
// that the subject names.
func (p *planner) take(s subject) []*data {
	if len(s.from) > 0 {
		s.data = p.open("read", s.from)
	}
	if s.part == "" {
		return s.data
	}
	d := p.single(s)
	made := p.transform("keep", d, list, map[string]any{"operation": "jq", "program": isList + s.part})
	return []*data{made}
}

// one returns the data of a subject that must be one.
func (p *planner) one(s subject) *data {
	s.data = p.take(s)
	return p.single(s)
}

// isList stops a program at data that is no list.
const isList = `if type != "array" then error("the data is not a list") else . end | `

// single returns the one data of a subject.
func (p *planner) single(s subject) *data {
	if p.err == nil && len(s.data) != 1 {
		p.refuse("%q: the requirement does not say which of the %d data before is meant", p.said(p.begin, p.at), len(s.data))
	}
	if len(s.data) == 0 {
		return &data{}
	}
	return s.data[0]
}

func listed(d *data) string {
	if d.kind != raw || len(d.nouns) == 0 || d.csv {
		return d.value
	}
	return fmt.Sprintf(`(%s | if type == "object" then ([.[%s] | arrays] + [.] | .[0]) else . end)`, d.value, inner(d.nouns))
}

// inner are the keys that a list of some name may have in an object.
func inner(nouns []string) string {
	var keys []string
	for _, n := range nouns {
		keys = append(keys, quote(n), quote(n+"s"))
	}
	return strings.Join(keys, ", ")
}

// combined is several data as one value: an object by task id.
func combined(all []*data) string {
	if len(all) == 1 {
		return all[0].value
	}
	var fields []string
	for _, d := range all {
		fields = append(fields, quote(d.label)+": "+d.value)
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

// mergedValue is several data as one: lists and texts one behind the other,
// objects key by key.
func mergedValue(all []*data) string {
	var parts []string
	for _, d := range all {
		parts = append(parts, d.value)
	}
	value := "[" + strings.Join(parts, ", ") + "]"
	if len(all) == 1 { // the results of a for_each
		value = parts[0]
	}
	return "(" + value + ` | if all(type == "array") or all(type == "string") then add ` +
		`elif all(type == "object") and (map(length) | add) == (add | length) then add else . end)`
}

func quote(text string) string { return string(plainjson.Must(text)) }

// literal writes a text of the requirement into an input, where it is no
// reference.
func literal(text string) string { return strings.ReplaceAll(text, "${{", "$${{") }

// asText is an expression for a value as text.
func asText(value string) string {
	return "(" + value + ` | if type == "string" then . else tojson end)`
}
