package strictjson

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Places knows where the values of a text are. It looks only at the parts that
// are asked for, and remembers them.
type Places struct {
	text  []byte
	lines []int // where the lines of a YAML text begin, as its library counts them
	root  *place
}

// place is one value of a text.
type place struct {
	key, value int        // byte offsets; key is -1 without a key
	node       *yaml.Node // nil in JSON
	opened     bool
	members    map[string]*place
	elements   []*place
	quoted     bool   // a string with quotes
	mark       string // of marks
	marks      []int  // see Occurrence
}

// DecodePlaces is Decode, and returns where the values are.
func DecodePlaces(raw []byte) (any, *Places, error) {
	value, err := Decode(raw)
	if err != nil {
		return nil, nil, err
	}
	s := scanner{raw: raw}
	s.space()
	return value, &Places{text: raw, root: &place{key: -1, value: s.at}}, nil
}

// FromYAMLPlaces is FromYAML, and returns where the values are. What an alias or a
// merge key brings is where it is written.
func FromYAMLPlaces(data []byte) (any, *Places, error) {
	node, err := ParseYAML(data)
	if err != nil {
		return nil, nil, explain(data, err)
	}
	value, err := Value(node)
	if err != nil {
		return nil, nil, explain(data, err)
	}
	p := &Places{text: data}
	p.root = &place{key: -1, node: node, value: p.offset(node)}
	return value, p, nil
}

// Find follows keys (string) and indexes (int) from the whole value, as far as the
// text has them. It returns the byte offsets of the last value that it found and
// of its key, which is -1 for the element of an array, and how many steps it
// followed.
func (p *Places) Find(steps []any) (key, value, followed int) {
	at := p.root
	for _, step := range steps {
		next := p.step(at, step)
		if next == nil {
			break
		}
		at = next
		followed++
	}
	return at.key, at.value, followed
}

// Occurrence returns the byte offset of the nth occurrence, from 1, of a mark in
// the string at a path. It is -1 if that can't be told, because a mark is written
// with escapes.
func (p *Places) Occurrence(steps []any, mark string, nth int) int {
	at := p.root
	for _, step := range steps {
		if at = p.step(at, step); at == nil {
			return -1
		}
	}
	if at.marks == nil || at.mark != mark {
		at.mark, at.marks = mark, p.occurrences(at, mark)
	}
	if nth < 1 || nth > len(at.marks) {
		return -1
	}
	return at.marks[nth-1]
}

// occurrences returns where a mark is in a string; nothing if there are other marks
// than those of the string.
func (p *Places) occurrences(at *place, mark string) []int {
	start, end, count := p.written(at, mark)
	list := make([]int, 0, count)
	for len(list) < count {
		next := bytes.Index(p.text[start:end], []byte(mark))
		if next < 0 {
			return []int{}
		}
		list = append(list, start+next)
		start += next + len(mark)
	}
	if at.quoted && bytes.Contains(p.text[start:end], []byte(mark)) {
		return []int{}
	}
	return list
}

// written returns the range of the text in which a string is written, and the
// number of marks in the string. For a YAML string that has no quotes, and so no
// escapes, the range goes on to the end of the text.
func (p *Places) written(at *place, mark string) (start, end, marks int) {
	if at.node == nil {
		s := scanner{raw: p.text, at: at.value}
		at.quoted = true
		raw := s.value()
		return at.value, s.at, strings.Count(Text(raw), mark)
	}
	node := target(at.node)
	start, marks = p.offset(node), strings.Count(node.Value, mark)
	switch {
	case node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		at.quoted = true
		return start, p.closing(start, node.Style&yaml.DoubleQuotedStyle != 0), marks
	case node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0: // the first line may have a comment
		if next := bytes.IndexAny(p.text[start:], "\r\n"); next >= 0 {
			start += next
		}
	}
	return start, len(p.text), marks
}

// closing returns the end of a YAML string with quotes that begins at or after an
// offset: an anchor or a tag may stand before it.
func (p *Places) closing(from int, double bool) int {
	quote := byte('\'')
	if double {
		quote = '"'
	}
	at := from
	for at < len(p.text) && p.text[at] != quote {
		at++
	}
	for at++; at < len(p.text); at++ {
		switch {
		case double && p.text[at] == '\\':
			at++
		case p.text[at] != quote:
		case !double && at+1 < len(p.text) && p.text[at+1] == quote:
			at++
		default:
			return at
		}
	}
	return len(p.text)
}

func (p *Places) step(at *place, step any) *place {
	if !at.opened {
		at.opened = true
		if at.node != nil {
			p.openYAML(at)
		} else {
			p.openJSON(at)
		}
	}
	switch step := step.(type) {
	case string:
		return at.members[step]
	case int:
		if 0 <= step && step < len(at.elements) {
			return at.elements[step]
		}
	}
	return nil
}

// openJSON finds the members or the elements of a value.
func (p *Places) openJSON(at *place) {
	s := scanner{raw: p.text, at: at.value}
	object := p.text[at.value] == '{'
	if !object && p.text[at.value] != '[' {
		return
	}
	at.members = map[string]*place{}
	for s.at++; ; {
		s.space()
		switch s.raw[s.at] {
		case ',':
			s.at++
			continue
		case '}', ']':
			return
		}
		next, key := &place{key: -1, value: s.at}, ""
		if object {
			next.key = s.at
			key = Text(s.value())
			s.space()
			s.at++ // the colon
			s.space()
			next.value = s.at
			at.members[key] = next
		} else {
			at.elements = append(at.elements, next)
		}
		s.value()
	}
}

// openYAML finds the members or the elements of a node.
func (p *Places) openYAML(at *place) {
	node := target(at.node)
	switch node.Kind {
	case yaml.SequenceNode:
		for _, each := range node.Content {
			at.elements = append(at.elements, &place{key: -1, value: p.offset(each), node: each})
		}
	case yaml.MappingNode:
		at.members = map[string]*place{}
		p.addMembers(at.members, node)
	}
}

// addMembers adds the members of a mapping that are not there yet.
func (p *Places) addMembers(members map[string]*place, node *yaml.Node) {
	var merged []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
			if value = target(value); value.Kind == yaml.SequenceNode {
				merged = append(merged, value.Content...)
			} else {
				merged = append(merged, value)
			}
			continue
		}
		name := target(key).Value
		if _, there := members[name]; there {
			continue
		}
		next := &place{key: p.offset(key), value: p.offset(value), node: value}
		if value.Kind == yaml.ScalarNode && value.Value == "" && value.Style == 0 { // nothing is written
			next.value = next.key
		}
		members[name] = next
	}
	for _, each := range merged {
		p.addMembers(members, target(each))
	}
}

func target(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// offset returns where a node begins.
func (p *Places) offset(node *yaml.Node) int {
	if p.lines == nil {
		p.lines = yamlLines(p.text)
	}
	if node.Line < 1 || node.Line > len(p.lines) {
		return 0
	}
	at := p.lines[node.Line-1]
	for column := 1; column < node.Column && at < len(p.text); column++ {
		_, size := utf8.DecodeRune(p.text[at:])
		at += size
	}
	return at
}

// yamlLines returns where the lines of a text begin by the rules of YAML 1.1, which
// has three more line ends than other texts.
func yamlLines(text []byte) []int {
	lines := []int{len(text) - len(bytes.TrimPrefix(text, []byte("\uFEFF")))}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		i += size
		switch r {
		case '\r':
			if i < len(text) && text[i] == '\n' {
				i++
			}
			lines = append(lines, i)
		case '\n', '\u0085', '\u2028', '\u2029':
			lines = append(lines, i)
		}
	}
	return lines
}
