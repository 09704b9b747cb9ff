package reply

import (
	"regexp"
	"sort"
	"strings"
)

// other are the labels that end a value and start none: those before an answer in
// the examples, and those that models add after one.
var other = regexp.MustCompile(`(?im)^[ \t]*(?:[>•*+-]|#{1,6}|\d{1,3}[.)])*[ \t]*[*_"'\[]*` +
	`(?:(?:(?:given|atomic|original|input|initial|first|atom)[ \t_-]*task|task|example[ \t]*\d*|explanation|reasoning|rationale|thought|input|output)` +
	`[*_"'\]]*[ \t]*[:：]|example[ \t]*\d+[*_"'\]]*[ \t]*$)`)

// mark is a label in a text: its name, and where its value starts.
type mark struct{ name, start, end int }

// labels returns the labelled values of the last answer, and where it starts.
func (f *Form) labels(text string) (values []string, start int, ok bool) {
	marks := f.marks(text, f.line)
	if f.kinds(marks) < len(f.names) { // both may be on one line
		marks = f.marks(text, f.inline, marks...)
	}
	if len(marks) == 0 {
		return nil, 0, false
	}
	group := make([]string, len(f.names))
	seen := make([]bool, len(f.names))
	begin := marks[0].start
	for i, m := range marks {
		next := len(text)
		if i+1 < len(marks) {
			next = marks[i+1].start
		}
		if seen[m.name] {
			group, seen = make([]string, len(f.names)), make([]bool, len(f.names))
			begin = m.start
		}
		seen[m.name] = true
		group[m.name] = value(text[m.end:next])
	}
	return group, begin, true
}

// marks returns the known labels and those that a pattern matches.
func (f *Form) marks(text string, pattern *regexp.Regexp, known ...mark) []mark {
	found := known
	for _, at := range pattern.FindAllStringSubmatchIndex(text, -1) {
		m := mark{f.folded[fold(text[at[2]:at[3]])], at[0], at[1]}
		inside := false
		for _, k := range known {
			inside = inside || m.start < k.end && k.start < m.end
		}
		if !inside {
			found = append(found, m)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].start < found[j].start })
	return found
}

// kinds returns the number of names that have a label.
func (f *Form) kinds(marks []mark) int {
	seen := map[int]bool{}
	for _, m := range marks {
		seen[m.name] = true
	}
	return len(seen)
}

var (
	blank  = regexp.MustCompile("(?m)^[ \t]*(?:```.*|~~~.*|[-*_=]{3,})?[ \t]*$")
	filler = regexp.MustCompile(`(?i)^(?:null|none|nil|undefined|n/?a|\.{2,}|…|tbd|-+|<[^<>]*>|\[[^\[\]]*\]|\{[^{}]*\})[.,]?$`)
)

// value returns the text after a label, up to the next label or to the first blank
// line after some text.
func value(text string) string {
	if at := other.FindStringIndex(text); at != nil && at[0] > 0 {
		text = text[:at[0]]
	}
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		if blank.MatchString(line) {
			if len(lines) > 0 {
				break
			}
			continue
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return clean(strings.Join(lines, "\n"))
}

// pairs are the quotes and marks around a whole value.
var pairs = [][2]string{{"**", "**"}, {"__", "__"}, {"`", "`"}, {`"`, `"`}, {"“", "”"}, {"„", "“"}, {"「", "」"}, {"«", "»"}, {"‘", "’"}, {"'", "'"}, {"*", "*"}}

// clean removes quotes, bold and list marks from a value. It returns "" for a
// filler such as "none".
func clean(text string) string {
	text = strings.TrimSpace(text)
	for again := true; again; {
		before := text
		for _, prefix := range []string{"> ", "- ", "• ", "* "} {
			if !strings.Contains(text, "\n") {
				text = strings.TrimSpace(strings.TrimPrefix(text, prefix))
			}
		}
		inner := strings.TrimRight(text, ",;} \t")
		for _, pair := range pairs {
			body, opens := strings.CutPrefix(inner, pair[0])
			body, closes := strings.CutSuffix(body, pair[1])
			if opens && closes && !strings.Contains(body, pair[0]) && !strings.Contains(body, pair[1]) {
				text = strings.TrimSpace(body)
			}
		}
		again = text != before
	}
	text = strings.TrimSpace(strings.TrimSuffix(text, "**"))
	if strings.HasPrefix(text, `"`) && strings.Count(text, `"`)%2 == 1 { // JSON that was cut off
		return ""
	}
	if filler.MatchString(text) || strings.Trim(text, "*_\"'`:.,;#-–—{}[]()<> \n\t") == "" {
		return ""
	}
	return text
}
