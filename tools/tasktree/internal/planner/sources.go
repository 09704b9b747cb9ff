package planner

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// source is where data comes from, as it was said.
type source struct {
	kind     string // url, page, file, table, query, api, item
	text     string
	nouns    []string
	number   int // of several unnamed ones
	from, to int // its tokens
}

// measure reads "the CPU, the memory and the disk in parallel", "system
// resources (CPU, memory)".
func (p *planner) measure(*found) bool {
	var names, said []string
	inside := false
	for {
		start := p.at
		if !inside && p.mark("(") || inside && p.mark(")") {
			inside = !inside
			continue
		}
		if p.phrase(words().Parallel) != "" || p.phrase(words().Machine) != "" {
			continue
		}
		_ = len(names) > 0 && p.more()
		the := p.eat("the")
		name, ok := words().Resources[p.peek(0).low]
		if !ok {
			p.at = start
			break
		}
		the = the || start > 0 && p.tokens[p.at-1].low == "the"
		names, said = append(names, name), append(said, map[bool]string{true: "the "}[the]+p.peek(0).text)
		p.at++
	}
	if len(names) == 0 || inside {
		return false
	}
	p.enter(true, true)
	var made []*data
	for i, name := range names {
		s := p.add(p.verb+" "+name, "system_info_executor", map[string]any{"resource": name})
		s.name = title(p.verb + " " + said[i])
		d := p.result(s, system, name)
		d.resource = name
		made = append(made, d)
	}
	p.measured = append(p.measured, made...)
	p.hand(made)
	return true
}

// hand adds data to what is at hand. Data of one stage belongs together.
func (p *planner) hand(made []*data) {
	if len(p.last) > 0 && len(made) > 0 && len(p.stage) > len(made) && slices.ContainsFunc(p.last, func(d *data) bool { return slices.Contains(p.stage, d.step) }) {
		p.last = append(slices.Clone(p.last), made...)
	} else {
		p.last = made
	}
	p.heads = append(p.heads, made...)
}

// fetch reads "the orders from https://api.example.com/orders and …".
func (p *planner) fetch(*found) bool {
	checking := p.verb == "check" || p.verb == "monitor"
	if checking {
		p.eat("whether", "if", "that")
	}
	found := p.sourceList()
	if len(found) == 0 && slices.Contains(words().Fetches, p.verb) && p.loop == nil {
		// "fetch the orders": from where the run is given.
		p.try(func() bool {
			nouns, ok := p.dataName()
			if ok = ok && p.ends(); ok {
				found = []source{{kind: "api", nouns: nouns}}
			}
			return ok
		})
	}
	if len(found) == 0 || p.verb == "run" && found[0].kind != "query" {
		return false
	}
	if checking {
		p.phrase(words().Checks)
	}
	for more := true; more && p.err == nil; {
		more = p.phrase(words().Parallel) != "" || p.loop != nil && p.atOnce()
		if p.loop == nil && p.eachWord() {
			p.loop, more = p.loopOver(), true
		}
	}
	if found[0].kind == "api" { // "call the API to get the users"
		p.try(func() (ok bool) {
			if p.match("to get|fetch", nil) {
				found[0].nouns, ok = p.dataName()
			}
			return ok
		})
	}
	if p.cond != nil && len(found) == 1 {
		return p.fallback(found[0])
	}
	p.hand(p.open(p.verb, found))
	return true
}

// open makes the steps that read sources.
func (p *planner) open(verb string, found []source) []*data {
	p.enter(true, true)
	var made []*data
	for i, src := range found {
		name := verb
		if len(found) > 1 {
			name = fmt.Sprintf("%s %d", verb, i+1)
		}
		d := p.openOne(name, src)
		if len(found) > 1 {
			said := p.said(src.from, src.to)
			if src.number > 0 {
				said += fmt.Sprintf(" (%d)", src.number)
			}
			p.steps[d.step].name = title(verb + " " + said)
		}
		made = append(made, d)
	}
	return made
}

func (p *planner) openOne(verb string, src source) *data {
	inputs := map[string]any{}
	executor := map[string]string{"file": "file_reader", "table": "db_query", "query": "db_query", "page": "scrape_executor"}[src.kind]
	if executor == "" {
		executor = "rest_executor"
	}
	s := p.add(verb, executor, inputs)
	d := p.result(s, raw, src.nouns...)
	switch src.kind {
	case "url", "page":
		inputs["url"] = p.template(src.text)
		if src.kind == "page" {
			inputs["max_chars"] = 100000
		}
	case "item":
		inputs["url"] = "${{ " + element("url") + " }}"
	case "api":
		inputs["url"] = p.ask(s, "url")
	case "file":
		inputs["file_path"] = literal(src.text)
		switch ending := strings.ToLower(strings.TrimPrefix(path.Ext(src.text), ".")); ending {
		case "json", "jsonl", "csv":
			inputs["format"] = ending
			d.csv = ending == "csv"
		default:
			d.lines = true
		}
	case "table", "query":
		if inputs["connection"] = p.connection(); inputs["connection"] == "" {
			inputs["connection"] = p.ask(s, "connection")
		}
		inputs["max_rows"] = 100000
		if src.kind == "table" {
			inputs["query"] = "select * from " + src.text
		} else if inputs["query"] = literal(src.text); src.text == "" {
			inputs["query"] = p.ask(s, "query")
		}
	}
	if p.loop != nil && !strings.Contains(fmt.Sprint(inputs["url"]), "item") {
		p.refuse("%q does the same for each element: put a part of the element into it, such as https://api.example.com/orders/{id}", p.said(p.begin, p.at))
	}
	return d
}

// connection reads "on the connection shop".
func (p *planner) connection() string {
	f := &found{values: map[string]string{}}
	p.try(func() bool { return p.match("on|of|in the? connection|database <connection:name>", f) })
	return f.values["connection"]
}

// fallback makes a source that is used where the one before has failed.
func (p *planner) fallback(src source) bool {
	if !p.cond.failed || len(p.last) != 1 || len(p.cond.from) != 1 || p.last[0].step != p.cond.from[0].step {
		p.refuse("%q: in the built-in planner a source can depend on a condition only as the replacement of the source before, if that fails", p.said(p.begin, p.at))
		return true
	}
	p.eat("instead")
	first := p.last[0]
	p.steps[first.step].fallback = true
	p.before, p.stage = p.stage, nil
	second := p.openOne(p.verb, src)
	p.steps[second.step].acts = true // it can have a condition
	second.from = []dependency{{first.step, true}, {second.step, true}}
	state := func(d *data) string { return "tasks." + p.steps[d.step].id + `.status == "completed"` }
	second.value = fmt.Sprintf(`(if %s then %s elif %s then %s else error("both sources failed") end)`, state(first), first.value, state(second), second.value)
	second.csv = second.csv || first.csv
	second.nouns = append(second.nouns, first.nouns...)
	p.heads = slices.DeleteFunc(p.heads, func(d *data) bool { return d == first })
	p.heads = append(p.heads, second)
	p.last = []*data{second}
	p.leading = nil
	return true
}

// sourceList reads one source or several, or nothing.
func (p *planner) sourceList() (found []source) {
	p.try(func() bool {
		found = p.sourceOne()
		return len(found) > 0
	})
	for len(found) > 0 && p.try(func() bool {
		if !p.more() {
			return false
		}
		p.eat("from")
		next := p.sourceOne()
		found = append(found, next...)
		return len(next) > 0
	}) {
	}
	return found
}

func (p *planner) sourceOne() []source {
	from := p.at
	var nouns []string
	named := p.try(func() (ok bool) {
		if nouns, ok = p.dataName(); !ok {
			return false
		}
		if p.loop == nil && p.eachWord() { // the weather for each city from …
			p.loop = p.loopOver()
		}
		return p.eat("from", "of", "in", "at", "via")
	})
	if !named {
		nouns = nil
		p.eat("from")
	}
	found := p.place()
	for i := range found {
		f := &found[i]
		f.from, f.to = from, p.at
		for _, n := range nouns {
			if f.text != "" && !strings.Contains(strings.ToLower(f.text), strings.TrimSuffix(n, "y")) {
				p.refuse("%q: the built-in planner takes all that is there, and does not know what %q is in it", p.said(p.begin, p.at), n)
			}
		}
		f.nouns = append(f.nouns, nouns...)
	}
	return found
}

var letters = regexp.MustCompile(`[a-z]+`)

// place reads an address, a file, a table or an unnamed API.
func (p *planner) place() []source {
	if t, ok := p.kind(address, filePath); ok {
		kind := "file"
		if t.kind == address {
			if kind = "url"; p.verb == "scrape" {
				kind = "page"
			}
		}
		var nouns []string
		last := path.Base(strings.SplitN(t.text, "?", 2)[0])
		for _, n := range letters.FindAllString(strings.ToLower(strings.TrimSuffix(last, path.Ext(last))), 5) {
			nouns = append(nouns, stem(n))
		}
		return []source{{kind: kind, text: t.text, nouns: nouns}}
	}
	p.phrase(words().Determiners)
	p.try(func() bool { return p.eat("web") && p.peek(0).low == "page" })
	t := p.peek(0)
	next := p.peek(1)
	switch {
	case p.loop != nil && p.eat("page", "it", "address", "url"):
		return []source{{kind: "item"}}
	case slices.Contains([]string{"page", "pages", "file", "files", "article", "website", "site", "api", "url", "address"}, t.low) && (next.kind == address || next.kind == filePath):
		p.at++
		return p.place()
	case t.kind == word && next.low == "table" && plainWord(t):
		p.at += 2
		return []source{{kind: "table", text: t.text, nouns: []string{stem(t.low)}}}
	case p.at < len(p.tokens) && p.tokens[p.at].low == "table" && next.kind == word && plainWord(next):
		p.at += 2
		return []source{{kind: "table", text: next.text, nouns: []string{stem(next.low)}}}
	case t.low == "query" && (next.kind == quoted || next.kind == code):
		p.at += 2
		return []source{{kind: "query", text: next.text}}
	case p.eat("database"):
		return []source{{kind: "query"}}
	}
	return p.unnamed()
}

// unnamed reads "two different APIs".
func (p *planner) unnamed() (found []source) {
	count, several := words().Counts[p.peek(0).low]
	if several {
		p.at++
	}
	for p.phrase(words().Services) == "" {
		if !p.eat(words().Kinds...) {
			return nil
		}
	}
	if p.peek(0).kind == address || p.peek(0).low == "at" && p.peek(1).kind == address {
		p.eat("at")
		return p.place()
	}
	if several && count == 0 {
		count = 2
		p.warnings = append(p.warnings, fmt.Sprintf("%q does not say how many: two are planned", p.said(p.begin, p.at)))
	}
	for i := range max(count, 1) {
		src := source{kind: "api"}
		if count > 1 {
			src.number = i + 1
		}
		found = append(found, src)
	}
	return found
}

// dataName reads what data is called where it is read for the first time: "the
// customer data". It returns the names in the singular.
func (p *planner) dataName() (nouns []string, ok bool) {
	p.phrase(words().Determiners)
	p.try(func() bool { return p.eat("list") && p.eat("of") })
	p.phrase(words().Determiners)
	for range 3 {
		t := p.peek(0)
		l := words()
		switch {
		case t.kind != word:
			return nouns, ok
		case slices.Contains(l.Any, t.low), slices.Contains(l.Lists, t.low), t.low == "json", t.low == "csv":
		case slices.Contains(l.Names, stem(t.low)), slices.Contains(l.Names, t.low):
			nouns = append(nouns, stem(t.low))
		case plainWord(t) && strings.HasSuffix(t.low, "s") && stem(t.low) != t.low && !slices.Contains(l.Services, t.low):
			nouns = append(nouns, stem(t.low))
		default:
			return nouns, ok
		}
		p.at++
		ok = true
	}
	return nouns, ok
}

var plainForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// plainWord reports whether a word can be a name or a value.
func plainWord(t token) bool {
	return t.kind == word && plainForm.MatchString(t.text) && !slices.Contains(words().Effect, t.low)
}

// field reads the name of a field.
func (p *planner) field() (string, bool) {
	p.eat("the", "its", "their", "a")
	p.eat("field", "column")
	t := p.peek(0)
	if !plainWord(t) && (t.kind != host || strings.Contains(t.text, ":")) {
		return "", false
	}
	p.at++
	return t.text, true
}

// jqPath is a path of fields, a.b, in jq.
func jqPath(field string) string {
	parts := strings.Split(field, ".")
	for i := range parts {
		parts[i] = "[" + quote(parts[i]) + "]"
	}
	return "." + strings.Join(parts, "")
}
