package planner

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// fill writes the inputs of a step: from the offers for its class, from the
// literals and words of the requirement, from the data, and, where an input
// that must be there is still missing, from the run's inputs.
func (p *planner) fill(s *step) {
	s.inputs, p.at = map[string]any{}, s
	p.offer(s)
	p.literals(s)
	p.spoken(s)
	p.flow(s)
	p.missing(s)
	if s.when != nil {
		s.condition = p.condition(s)
	}
	if s.each != nil && s.each.name != "" {
		p.asked[s.each.name] = map[string]any{"type": "array", "description": "What is done for each " + s.each.noun}
		p.warn("the run's input %s is the list of what %s is done for", s.each.name, s.id)
	}
	if n := len(s.clause.parts(1)); n > 1 && s.label != "" {
		p.assumed(s)
	}
}

// assumed warns where the requirement speaks of several and does not say of
// how many.
func (p *planner) assumed(s *step) {
	if n, at := s.clause.number(); n > 1 && at > 0 {
		for _, t := range s.clause.tokens[:at] {
			if slices.Contains(words().OpenNumbers, t.low) && len(s.clause.listed()) == 0 && s.label == "1" {
				p.warn("%q: the requirement does not say how many, so two were planned; copy the branch for more", s.clause.text)
			}
		}
	}
}

// offer applies the first of the offers that the executor has the inputs for.
func (p *planner) offer(s *step) {
	b := offers()
	family := words().Classes[s.class].Family
	keys := []string{s.class + "/" + s.topic, s.class, s.class + "/" + words().Classes[s.class].Topic}
	if s.per() != "" {
		keys = append([]string{s.class + "/per"}, keys...)
	}
	if s.ofWays() {
		keys = []string{s.class + "/way"}
	}
	if s.topic == "script" || s.topic == "model" || family == "" {
		keys = append([]string{"work/" + cmp.Or(s.topic, "script")}, keys...)
	}
	if s.class == "run" {
		keys = append(keys, "work/script")
	}
	for _, key := range keys {
		for _, inputs := range b.Offers[key] {
			if slices.ContainsFunc(slices.Collect(maps.Keys(inputs)), func(name string) bool { return !s.def.Input.HasProperty(name) }) || !p.possible(s, inputs) {
				continue
			}
			for name, value := range inputs {
				if filled, ok := p.replace(s, name, value); ok {
					s.inputs[name] = filled
				}
			}
			return
		}
	}
}

// possible: fixed values are among those that the executor allows, and a join
// has two sides.
func (p *planner) possible(s *step, inputs map[string]any) bool {
	for name, value := range inputs {
		text, ok := value.(string)
		if !ok {
			continue
		}
		if text == "@second" && len(s.data) != 2 || s.each != nil && text == "@second" {
			return false
		}
		if enum := s.def.Input.Enum(name); enum != nil && !strings.HasPrefix(text, "@") && !slices.Contains(enum, any(text)) {
			return false
		}
	}
	return true
}

// replace puts in what a value of an offer stands for; false leaves the input
// out.
func (p *planner) replace(s *step, name string, value any) (any, bool) {
	switch value := value.(type) {
	case map[string]any:
		object := map[string]any{}
		for key, each := range value {
			if filled, ok := p.replace(s, key, each); ok {
				object[key] = filled
			}
		}
		return object, true
	case string:
		place, ok := strings.CutPrefix(value, "@")
		if !ok {
			return value, true
		}
		place, optional := strings.CutSuffix(place, "?")
		if filled := p.said(s, place); filled != nil {
			return filled, true
		}
		if _, known := offers().Asks[place]; optional || !known {
			return nil, false
		}
		return p.ask(s, place), true
	}
	return value, true
}

// said is what a step's words and the plan so far give for a place of an
// offer; nil where they give nothing.
func (p *planner) said(s *step, place string) any {
	text := func(value string) any {
		if value == "" {
			return nil
		}
		return escape(value)
	}
	switch place {
	case "data":
		return p.value(s)
	case "text", "notice":
		return text2(cmp.Or(p.text(s), escape(first(literalsOf(s.tokens, quoted)))))
	case "stdin":
		return text2(p.text(s))
	case "json":
		return p.asJSON(s)
	case "file":
		return p.fileContent(s)
	case "template":
		return p.template(s)
	case "prompt":
		return escape(s.said()) + ":\n\n" + p.text(s)
	case "title":
		return text(cmp.Or(first(literalsOf(s.tokens, quoted)), clip(s.said(), longestSaid)))
	case "first":
		return reference(p.read(s.data[0]))
	case "second":
		return reference(p.read(s.data[1]))
	case "where":
		return text(whereIn(s))
	case "by":
		return text(wordAfter(s.tokens, "by", "on", "per", "into", "using"))
	case "field":
		return text(fieldIn(s))
	case "order":
		return text(orderIn(s))
	case "select":
		return text(selectIn(s))
	case "insert":
		return text(insertIn(s))
	case "connection":
		return text(p.connectionIn(s))
	case "command":
		return text(commandIn(s))
	case "head":
		return text(headIn(s))
	case "lines":
		return text(linesIn(s))
	case "per_count", "per_totals", "per_average":
		return text(perIn(s, place))
	}
	return nil
}

func text2(value string) any {
	if value == "" {
		return nil
	}
	return value
}

// escape keeps what a requirement says from being read as a reference.
func escape(text string) string { return strings.ReplaceAll(text, "${{", "$${{") }

// asJSON is the data as JSON text, whatever it is.
func (p *planner) asJSON(s *step) any {
	switch value := p.value(s).(type) {
	case nil:
		return nil
	case string:
		expression := strings.TrimSuffix(strings.TrimPrefix(value, "${{ "), " }}")
		return reference(expression + " | tojson")
	default:
		return strings.TrimSpace(p.jsonObject(s))
	}
}

// jsonObject writes {"a": …, "b": …} as one expression.
func (p *planner) jsonObject(s *step) string {
	var fields []string
	for _, i := range s.data {
		fields = append(fields, p.graph.steps[i].id+": ("+p.read(i)+")")
	}
	return reference("{" + strings.Join(fields, ", ") + "} | tojson")
}

// fileContent is the data as a file of the named kind can hold it.
func (p *planner) fileContent(s *step) any {
	name := first(literalsOf(s.tokens, path))
	ending := name[strings.LastIndexByte(name, '.')+1:]
	switch ending {
	case "txt", "md", "log", "html", "htm":
		if len(s.data) == 1 && s.each == nil && p.graph.steps[s.data[0]].each != nil { // a line for each
			return reference(p.read(s.data[0]) + ` | map(if type == "string" then . else tojson end) | join("\n")`)
		}
		return text2(p.text(s))
	case "csv", "jsonl", "ndjson":
		if len(s.data) > 1 && s.each == nil {
			var rows []any
			for _, i := range s.data {
				rows = append(rows, reference(p.read(i)))
			}
			return rows
		}
	}
	return p.value(s)
}

// literals puts the literals of a requirement into the inputs that take them.
func (p *planner) literals(s *step) {
	for _, name := range s.def.Input.Properties() {
		if _, done := s.inputs[name]; done {
			continue
		}
		tokens := s.tokens
		if rest, ok := destination(s.tokens); ok && words().Classes[s.class].Family != source && len(literalsOf(rest, offers().Inputs[name]...)) > 0 {
			tokens = rest // "merge a.json and b.json into c.json"
		}
		found := first(literalsOf(tokens, offers().Inputs[name]...))
		if found == "" {
			continue
		}
		if (name == "url" || name == "base_url") && !strings.Contains(found, "://") {
			found = "https://" + found
		}
		s.inputs[name] = escape(found)
	}
	p.places(s)
	if s.def.Input.HasProperty("format") && s.def.Input.HasProperty("file_path") {
		file, _ := s.inputs["file_path"].(string)
		ending := strings.ToLower(file[strings.LastIndexByte(file, '.')+1:])
		if slices.Contains(s.def.Input.Enum("format"), any(ending)) {
			s.inputs["format"] = ending
		}
	}
	p.machine(s)
}

// machine names where something runs: the image of a container, the host and
// the user behind an SSH server.
func (p *planner) machine(s *step) {
	put := func(name, value string) {
		if _, done := s.inputs[name]; !done && value != "" && s.def.Input.HasProperty(name) {
			s.inputs[name] = escape(value)
		}
	}
	switch s.topic {
	case "docker":
		put("image", wordAfter(s.tokens, "image", "docker", "container"))
	case "grpc":
		full, method, _ := strings.Cut(first(literalsOf(s.tokens, service)), "/")
		if full != "" && s.def.Input.HasProperty("service") {
			s.inputs["service"] = full
		}
		put("method", cmp.Or(method, wordAfter(s.tokens, "method", "procedure", "rpc")))
		if named := wordAfter(s.tokens, "service"); !slices.Contains(prepositions, named) {
			put("service", named)
		}
	case "websocket":
		if n := numberBefore(s.tokens, "message", "messages", "responses", "replies"); n > 0 && s.def.Input.HasProperty("responses") {
			s.inputs["responses"] = n
		}
	case "ssh":
		if user, machine, ok := strings.Cut(first(literalsOf(s.tokens, email)), "@"); ok {
			put("username", user)
			put("host", machine)
		}
		if len(strings.Fields(s.label)) == 1 && notID().ReplaceAllString(s.label, "") != "" && s.label[0] > '9' {
			put("host", s.label) // "on web01 and web02"
		}
		put("host", wordAfter(s.tokens, "on", "host", "server", "machine"))
		if _, done := s.inputs["command"]; !done && s.def.Input.HasProperty("command") {
			s.inputs["command"] = p.ask(s, "command")
		}
	}
}

// spoken puts words of the requirement into inputs that are limited to such
// words.
func (p *planner) spoken(s *step) {
	b := offers()
	for _, name := range s.def.Input.Properties() {
		if _, done := s.inputs[name]; done {
			continue
		}
		for _, value := range s.def.Input.Enum(name) {
			text, ok := value.(string)
			if !ok || slices.Contains(b.Unspoken, text) || slices.Contains(b.Kept, name) && strings.ToUpper(text) != text {
				continue
			}
			if s.speaksOf(text) {
				s.inputs[name] = text
				break
			}
		}
	}
}

func (s *step) speaksOf(value string) bool {
	if s.clause.verb == value {
		return true
	}
	return slices.ContainsFunc(s.tokens, func(t token) bool {
		if t.kind != word {
			return false
		}
		if strings.ToUpper(value) == value {
			return t.text == value // GET is a method, get is a verb
		}
		return t.low == value || offers().Spoken[t.low] == value
	})
}

// flow gives the data to the input that takes it.
func (p *planner) flow(s *step) {
	if len(s.data) == 0 && s.each == nil || s.def.AcceptsDependencies || p.reads(s) {
		return
	}
	required := requiredOf(s.def)
	for _, name := range offers().Flows {
		if _, done := s.inputs[name]; done || !slices.Contains(required, name) {
			continue
		}
		if kind := property(s.def, name)["type"]; kind == "string" {
			s.inputs[name] = p.text(s)
		} else {
			s.inputs[name] = p.value(s)
		}
		return
	}
	if s.each != nil {
		if url, ok := s.inputs["url"].(string); ok {
			s.inputs["url"] = strings.TrimRight(url, "/") + "/" + reference("item.id? // item | tostring | @uri")
		}
	}
}

// reads reports whether an input of the step reads the data already.
func (p *planner) reads(s *step) bool {
	raw, err := json.Marshal(s.inputs)
	return err == nil && strings.Contains(string(raw), "${{")
}
