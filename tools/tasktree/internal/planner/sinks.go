package planner

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"unicode"
)

// place is where data goes.
type place struct {
	database   bool
	text       string // the path; empty: the run is given it
	format     string
	connection string
}

// destination reads "totals.json", "a file", "the database", "the table
// totals on the connection shop".
func (p *planner) destination() *place {
	if t, ok := p.kind(filePath); ok {
		return &place{text: t.text}
	}
	p.phrase(words().Determiners)
	for p.eat("single", "output", "new", "one") {
	}
	f := &found{values: map[string]string{}}
	switch format := p.peek(0).low; {
	case p.try(func() bool { return p.match("csv|json file", f) }):
		return &place{format: format}
	case p.eat("file"):
		t, _ := p.kind(filePath)
		return &place{text: t.text}
	case p.try(func() bool { return p.match("table <name>", f) || p.match("database|db", f) }),
		p.try(func() bool { return p.match("<name> table", f) }):
		return &place{database: true, connection: p.connection()}
	}
	return nil
}

// save reads "save the result to totals.json and to the database".
func (p *planner) save(f *found) bool {
	for p.try(func() bool {
		return p.more() && (p.eat("to", "into") || p.peek(0).kind == filePath) && p.match("<destination>", f)
	}) {
	}
	var all []*data
	value := ""
	if text, ok := f.values["text"]; ok {
		value, all = quote(text), nil
	} else if all = p.take(f.subject); p.err == nil {
		value = combined(all)
	}
	if len(f.dests) > 1 && len(all) > 1 {
		p.refuse("%q: the requirement does not say what goes where", p.said(p.begin, p.at))
		return true
	}
	p.phrase(words().Parallel)
	p.enter(false, true)
	for _, d := range f.dests {
		p.put(d, value, all...)
	}
	return true
}

// put adds a step that stores a value. It never replaces a file.
func (p *planner) put(d *place, value string, all ...*data) *step {
	if p.loop != nil {
		p.refuse("%q would be done for each element: begin a new sentence to store all of them once", p.said(p.begin, p.at))
	}
	if d.database {
		inputs := map[string]any{"mode": "write", "params": map[string]any{"data": "${{ " + value + " | tojson }}"}, "connection": d.connection}
		s := p.add(p.verb, "db_query", inputs, all...)
		s.acts = true
		if d.connection == "" {
			inputs["connection"] = p.ask(s, "connection")
		}
		inputs["query"] = p.ask(s, "statement")
		return s
	}
	inputs := map[string]any{"file_path": literal(d.text), "content": "${{ " + value + " }}"}
	format := cmp.Or(d.format, strings.ToLower(strings.TrimPrefix(path.Ext(d.text), ".")))
	if slices.Contains([]string{"csv", "json", "jsonl"}, format) {
		inputs["format"] = format
	} else {
		inputs["content"] = "${{ " + asText(value) + " }}"
	}
	if p.verb == "append" {
		inputs["mode"] = "append"
	}
	s := p.add(p.verb, "file_writer", inputs, all...)
	s.acts = true
	if d.text == "" {
		inputs["file_path"] = p.ask(s, "path")
	}
	return s
}

// post reads "post them to https://…", "send a PUT request to …".
func (p *planner) post(f *found) bool {
	all, message, ok := p.message(f)
	if !ok {
		return true
	}
	method := cmp.Or(f.values["method"], map[string]string{"put": "PUT", "patch": "PATCH"}[p.verb], "POST")
	inputs := map[string]any{"method": method, "url": p.template(f.values["url"])}
	switch {
	case f.object != nil:
		inputs["json"] = f.object
	case len(all) > 0:
		inputs["json"] = "${{ " + combined(all) + " }}"
	default:
		inputs["json"] = map[string]any{"text": literal(message)}
	}
	s := p.add(p.verb, "rest_executor", inputs, all...)
	s.acts = true
	if f.values["url"] == "" {
		inputs["url"] = p.ask(s, "url")
	}
	p.answered = []*data{p.result(s, raw)}
	return true
}

// mail reads "email the result to ada@example.com", "send an email to …".
func (p *planner) mail(f *found) bool {
	conditional := p.cond != nil || p.try(func() bool { p.mark(","); start := p.at; ok := p.conditional(); p.at = start; return ok })
	if !f.subject.said && f.values["text"] == "" && !conditional {
		p.refuse("%q: the requirement does not say what is sent", p.said(p.begin, p.at))
		return true
	}
	all, message, ok := p.message(f)
	if !ok {
		return true
	}
	inputs := map[string]any{"subject": literal(cmp.Or(f.values["subject"], title(p.sentence()))), "body": literal(message)}
	if len(all) > 0 {
		inputs["body"] = "${{ " + asText(combined(all)) + " }}"
	}
	if cc := f.emails["cc"]; len(cc) > 0 {
		inputs["cc"] = cc
	}
	s := p.add(p.verb, "send_email_executor", inputs, all...)
	s.acts = true
	switch to := f.emails["to"]; {
	case len(to) > 1:
		inputs["to"] = to
	case len(to) == 1:
		inputs["to"] = to[0]
	case p.loop != nil:
		inputs["to"] = "${{ " + element("email") + " }}"
	default:
		inputs["to"] = p.ask(s, "to")
	}
	return true
}

// message returns what is sent: data, or a text. Without both it is the
// sentence itself.
func (p *planner) message(f *found) (all []*data, text string, ok bool) {
	text = f.values["text"]
	if f.subject.said && (text != "" || f.object != nil) || text != "" && f.object != nil {
		p.refuse("%q: the requirement does not say which text is sent", p.said(p.begin, p.at))
		return nil, "", false
	}
	if f.subject.said {
		if p.loop != nil {
			p.refuse("the built-in planner does not know whether %q is done for each element or once", p.said(p.begin, p.at))
		}
		all = p.take(f.subject)
	}
	p.phrase(words().Parallel)
	p.enter(false, true)
	return all, cmp.Or(text, p.sentence()), p.err == nil
}

// sentence is the clause's sentence, from the clause on, with its condition.
func (p *planner) sentence() string {
	to := p.begin
	for to < len(p.tokens) && (p.tokens[to].kind != mark || !strings.Contains(".;!\n", p.tokens[to].text)) {
		to++
	}
	text := []rune(strings.Join(strings.Fields(p.text[p.tokens[p.begin].from:p.tokens[to-1].to]), " "))
	text[0] = unicode.ToUpper(text[0])
	return string(text)
}

// report reads "write a report to report.md".
func (p *planner) report(f *found) bool {
	all := p.last
	if f.subject.said {
		all = p.take(f.subject)
	}
	if !p.known(subject{data: all}) {
		return true
	}
	p.enter(false, true)
	text := reportText(all)
	if len(f.dests) > 0 && !f.dests[0].database {
		s := p.put(&place{text: f.dests[0].text, format: "text"}, "", all...)
		s.inputs["content"] = text
		return true
	}
	s := p.add(p.verb, "aggregate_results_executor", map[string]any{"template": text}, all...)
	s.acts = true
	return len(f.dests) == 0
}

// reportText is a text with data in it, a line for each.
func reportText(all []*data) string {
	var lines []string
	for _, d := range all {
		if usage(d) != "" {
			name := strings.ToUpper(d.resource[:1]) + d.resource[1:]
			if d.resource == "cpu" {
				name = "CPU"
			}
			lines = append(lines, name+": ${{ "+usage(d)+" }} % used")
			continue
		}
		// aggregate_results_executor would read {{ as a field.
		lines = append(lines, d.label+": ${{ "+asText(d.value)+` | gsub("[{][{]"; "{ {") }}`)
	}
	return strings.Join(lines, "\n") + "\n"
}

// print reads "print a warning", "show the result": the run returns it.
func (p *planner) print(f *found) bool {
	text := literal(strings.ReplaceAll(cmp.Or(f.values["text"], p.sentence()), "{{", "{ {"))
	var all []*data
	if f.subject.said {
		all = p.take(f.subject)
		text = reportText(all)
	}
	p.enter(false, true)
	s := p.add(p.verb, "aggregate_results_executor", map[string]any{"template": text}, all...)
	s.acts = true
	return true
}
