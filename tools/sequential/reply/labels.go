package reply

import (
	"regexp"
	"sort"
	"strings"

	"github.com/chainwright/chainwright/executors/lazyregexp"
)

// other are the labels that end a value and begin none: what comes before an
// answer in the examples, and what models add after one.
var other = lazyregexp.New(`(?im)^[ \t]*(?:[>•*+-]|#{1,6}|\d{1,3}[.)])*[ \t]*[*_"'\[]*` +
	`(?:(?:(?:given|atomic|original|input|initial|first|atom)[ \t_-]*task|task|example[ \t]*\d*|explanation|reasoning|rationale|thought|input|output)` +
	`[*_"'\]]*[ \t]*[:：]|example[ \t]*\d+[*_"'\]]*[ \t]*$)`)

// mark is a label that was found: of which name, and where its value begins.
type mark struct{ name, start, end int }

// labels reads labelled values: those of the last answer, with the place where
// it begins.
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

// marks finds the labels that a pattern matches, beside those that are known.
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

// kinds counts the names that have a label.
func (f *Form) kinds(marks []mark) int {
	seen := map[int]bool{}
	for _, m := range marks {
		seen[m.name] = true
	}
	return len(seen)
}

var (
	blank  = lazyregexp.New("(?m)^[ \t]*(?:```.*|~~~.*|[-*_=]{3,})?[ \t]*$")
	filler = lazyregexp.New(`(?i)^(?:null|none|nil|undefined|n/?a|\.{2,}|…|tbd|-+|<[^<>]*>|\[[^\[\]]*\]|\{[^{}]*\})[.,]?$`)
)

// value is the text behind a label: to the first blank line once there is
// text, or to another label.
func value(text string) string {
	if at := other().FindStringIndex(text); at != nil && at[0] > 0 {
		text = text[:at[0]]
	}
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		if blank().MatchString(line) {
			if len(lines) > 0 {
				break
			}
			continue
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return clean(strings.Join(lines, "\n"))
}

// pairs are the marks that stand around a whole value.
var pairs = [][2]string{{"**", "**"}, {"__", "__"}, {"`", "`"}, {`"`, `"`}, {"“", "”"}, {"„", "“"}, {"「", "」"}, {"«", "»"}, {"‘", "’"}, {"'", "'"}, {"*", "*"}}

// clean takes what stands around a value off it: quotes, bold, list marks. A
// filler that says nothing is no value.
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
	if filler().MatchString(text) || strings.Trim(text, "*_\"'`:.,;#-–—{}[]()<> \n\t") == "" {
		return ""
	}
	return text
}
