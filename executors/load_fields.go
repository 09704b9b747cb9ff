package executors

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/nearest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
)

func (l *loader) text(to *string) func(*yaml.Node) {
	return func(node *yaml.Node) {
		if node.Kind != yaml.ScalarNode || node.ShortTag() != "!!str" || strings.TrimSpace(node.Value) == "" {
			l.problem(node, "a text is expected here")
			return
		}
		*to = node.Value
	}
}

func (l *loader) form(to *string, form *regexp.Regexp, allowed string) func(*yaml.Node) {
	return func(node *yaml.Node) {
		l.text(to)(node)
		if *to != "" && !form.MatchString(*to) {
			l.problem(node, "%q must be %s", *to, allowed)
		}
	}
}

func (l *loader) texts(to *[]string) func(*yaml.Node) {
	return func(node *yaml.Node) {
		for _, element := range l.list(node) {
			var text string
			l.text(&text)(element)
			*to = append(*to, text)
		}
	}
}

func (l *loader) boolean(to *bool) func(*yaml.Node) {
	return func(node *yaml.Node) {
		if node.Kind != yaml.ScalarNode || node.ShortTag() != "!!bool" {
			l.problem(node, "true or false is expected here")
			return
		}
		*to = strings.EqualFold(node.Value, "true")
	}
}

func (l *loader) list(node *yaml.Node) []*yaml.Node {
	if node.Kind != yaml.SequenceNode {
		l.problem(node, "a list is expected here")
		return nil
	}
	list := make([]*yaml.Node, len(node.Content))
	for i, element := range node.Content {
		list[i] = follow(element)
	}
	return list
}

// needs reads the names of policy switches.
func (l *loader) needs(to *[]string) func(*yaml.Node) {
	known := []string{
		policy.NeedCommand, policy.NeedFilesRead, policy.NeedFilesWrite, policy.NeedDatabases,
		policy.NeedSSH, policy.NeedDocker, policy.NeedEmail, policy.NeedMCPStdio,
	}
	return func(node *yaml.Node) {
		for _, element := range l.list(node) {
			var need string
			l.text(&need)(element)
			if !slices.Contains(known, need) {
				l.problem(element, "there is no need %q; the known needs are %s", need, strings.Join(known, ", "))
			}
			*to = append(*to, need)
		}
	}
}

func (l *loader) annotations(node *yaml.Node) (a Annotations) {
	l.mapping(node, "annotations", flags(l, &a, true)...)
	if a.ReadOnly && a.Destructive {
		l.problem(node, "a read_only call can't be destructive")
	}
	return a
}

func flags(l *loader, a *Annotations, required bool) []field {
	return []field{
		{"read_only", required, l.boolean(&a.ReadOnly)},
		{"destructive", required, l.boolean(&a.Destructive)},
		{"idempotent", required, l.boolean(&a.Idempotent)},
		{"open_world", required, l.boolean(&a.OpenWorld)},
	}
}

// effects reads effects, which start from the definition's own annotations. A
// read-only effect is not destructive, unless it says so, which is a problem.
func (l *loader) effects(node *yaml.Node, def *Definition) []Effect {
	var list []Effect
	for _, element := range l.list(node) {
		effect := Effect{Annotations: def.Annotations}
		destructive := false
		fields := append(flags(l, &effect.Annotations, false), field{"when", true, func(n *yaml.Node) { effect.When = l.when(n, def) }})
		fields[1].read = func(n *yaml.Node) {
			destructive = true
			l.boolean(&effect.Destructive)(n)
		}
		l.mapping(element, "an effect", fields...)
		if effect.ReadOnly && !destructive {
			effect.Destructive = false
		}
		if effect.ReadOnly && effect.Destructive {
			l.problem(element, "a read_only call can't be destructive")
		}
		list = append(list, effect)
	}
	return list
}

// readJSON reads which inputs are read as JSON if they are text.
func (l *loader) readJSON(node *yaml.Node, def *Definition) []JSONText {
	var list []JSONText
	for _, element := range l.list(node) {
		var text JSONText
		l.mapping(element, "an entry of read_json",
			field{"input", true, l.text(&text.Input)},
			field{"when", false, func(n *yaml.Node) { text.When = l.when(n, def) }},
			field{"unless", false, l.text(&text.Unless)},
		)
		for _, name := range []string{text.Input, text.Unless} {
			if name != "" && !def.Input.HasProperty(name) {
				l.problem(element, "read_json names %q, which is not in input_schema; %s", name, nearest.Hint(name, def.Input.Properties()))
			}
		}
		list = append(list, text)
	}
	return list
}

// when reads which values of which inputs an effect, or reading JSON, applies to.
func (l *loader) when(node *yaml.Node, def *Definition) map[string][]any {
	value, err := strictjson.Value(node)
	if err != nil {
		l.wrap(node, err)
		return nil
	}
	object, ok := value.(map[string]any)
	if !ok || len(object) == 0 {
		l.problem(node, "when must be a mapping of inputs to the values it is for")
		return nil
	}
	when := make(map[string][]any, len(object))
	for name, values := range object {
		if !def.Input.HasProperty(name) {
			l.problem(node, "when names %q, which is not in input_schema; %s", name, nearest.Hint(name, def.Input.Properties()))
		}
		list, ok := values.([]any)
		if !ok {
			list = []any{values}
		}
		when[name] = list
	}
	return when
}

func (l *loader) examples(node *yaml.Node) []Example {
	var list []Example
	for _, element := range l.list(node) {
		var example Example
		l.mapping(element, "an example",
			field{"title", true, l.text(&example.Title)},
			field{"inputs", true, func(n *yaml.Node) { example.Inputs = l.json(n) }},
			field{"result", false, func(n *yaml.Node) { example.Result = l.json(n) }},
		)
		list = append(list, example)
	}
	return list
}

func (l *loader) json(node *yaml.Node) []byte {
	raw, err := strictjson.AppendJSON(nil, node)
	if err != nil {
		l.wrap(node, err)
	}
	return raw
}

// duration reads "90s", "5m" or a number of seconds.
func (l *loader) duration(to *time.Duration) func(*yaml.Node) {
	return func(node *yaml.Node) {
		text := node.Value
		if tag := node.ShortTag(); tag == "!!int" || tag == "!!float" {
			text += "s"
		}
		value, err := time.ParseDuration(text)
		if node.Kind != yaml.ScalarNode || err != nil || value <= 0 {
			l.problem(node, "a time is expected here: seconds over 0, or a text such as 90s or 5m")
			return
		}
		*to = value
	}
}

func (l *loader) timeout(node *yaml.Node) (t Timeout) {
	l.mapping(node, "timeout",
		field{"default", true, l.duration(&t.Default)},
		field{"ceiling", true, l.duration(&t.Ceiling)},
	)
	if t.Default > t.Ceiling && t.Ceiling > 0 {
		l.problem(node, "the default timeout is over its ceiling")
	}
	return t
}

// retry reads a retry policy, or the word never.
func (l *loader) retry(node *yaml.Node) Retry {
	if node.Kind == yaml.ScalarNode && node.Value == "never" {
		return Retry{MaxAttempts: 1, Never: true}
	}
	r := Retry{MaxAttempts: 3, Backoff: Exponential, Initial: time.Second, Max: 30 * time.Second}
	l.mapping(node, "retry",
		field{"max_attempts", true, func(n *yaml.Node) { r.MaxAttempts = l.attempts(n) }},
		field{"backoff", false, func(n *yaml.Node) {
			if r.Backoff = Backoff(n.Value); r.Backoff != Exponential && r.Backoff != Fixed {
				l.problem(n, "backoff must be %s or %s", Exponential, Fixed)
			}
		}},
		field{"initial_seconds", false, l.duration(&r.Initial)},
		field{"max_seconds", false, l.duration(&r.Max)},
	)
	return r
}

func (l *loader) attempts(node *yaml.Node) int {
	const most = 100
	n := 0
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!int" && node.Decode(&n) == nil && n >= 1 && n <= most {
		return n
	}
	l.problem(node, "max_attempts must be a whole number from 1 to %d", most)
	return 1
}
