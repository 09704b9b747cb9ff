// Package brief tells a language model all that it needs to write a task tree:
// the rules, the executors that fit with their whole schemas, and examples.
// Nothing in it is cut in the middle: what does not fit into the budget is left
// to its name and its purpose.
package brief

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/tools/tasktree/rank"
)

//go:embed head.md rules.md handoff.md reply.json examples/*.json
var files embed.FS

// Budget is how many tokens a brief takes at most, the requirement and its
// context aside.
const Budget = 6000

// bytesPerToken is the usual estimate of what a text costs a model.
const bytesPerToken = 4

// Tokens is about what a text costs a model.
func Tokens(text string) int { return (len(text) + bytesPerToken - 1) / bytesPerToken }

// ReplySchema is the JSON Schema of a tree as a model is to write it.
func ReplySchema() json.RawMessage { return json.RawMessage(text("reply.json")) }

// HandOff says what the assistant that gets a brief does with it.
func HandOff() string { return strings.TrimSpace(text("handoff.md")) }

// text reads a file of this package; that it is there is certain.
func text(name string) string {
	data, err := files.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// Example is a requirement and a valid tree for it.
type Example struct {
	Requirement string
	Tree        json.RawMessage
}

// Examples are those of every brief.
func Examples() []Example {
	entries, err := files.ReadDir("examples")
	if err != nil {
		panic(err)
	}
	var list []Example
	for _, entry := range entries {
		var each Example
		if err := json.Unmarshal([]byte(text("examples/"+entry.Name())), &each); err != nil {
			panic(fmt.Errorf("%s: %w", entry.Name(), err))
		}
		list = append(list, each)
	}
	return list
}

// Options are what a brief is made for.
type Options struct {
	Registry *executors.Registry
	// Requirement ranks the executors where not all of them fit.
	Requirement string
	Context     string
	Allowed     []string // empty: all
	Exclude     []string
	MaxTasks    int
	Budget      int // tokens; 0: Budget
}

// Brief is the text in two parts: what holds for every requirement, and the
// requirement itself.
type Brief struct {
	Rules string
	Task  string
}

// Text is the whole brief.
func (b Brief) Text() string { return b.Rules + "\n" + b.Task }

// Make writes the brief.
func Make(opts Options) Brief {
	if opts.Budget == 0 {
		opts.Budget = Budget
	}
	rules := strings.TrimSpace(text("rules.md"))
	examples := writeExamples()
	ranked, closed := sorted(opts)
	head := text("head.md")
	left := opts.Budget*bytesPerToken - len(head) - len(rules) - len(examples)

	var shut strings.Builder
	if len(closed) > 0 {
		shut.WriteString("\nClosed by the operator's policy. Use one only where no open executor does the job; the tree can't be run before the named setting is opened:\n\n")
		for _, def := range closed {
			setting, _ := opts.Registry.Closed(def.ID)
			fmt.Fprintf(&shut, "- `%s` (closed; %s): %s Required inputs: %s.\n", def.ID, briefly(setting), purpose(def), required(def))
		}
	}
	left -= shut.Len()
	var whole, more strings.Builder
	for _, def := range ranked {
		line := fmt.Sprintf("- `%s`: %s Required inputs: %s.\n", def.ID, purpose(def), required(def))
		if entry := describe(def); len(entry) <= left {
			whole.WriteString(entry)
			left -= len(entry)
		} else {
			if more.Len() == 0 {
				more.WriteString("\nAlso there, described by the tool or resource `executor://ID` of that name:\n\n")
			}
			more.WriteString(line)
			left -= len(line)
		}
	}
	replaced := strings.NewReplacer("{{RULES}}", rules, "{{EXECUTORS}}", strings.TrimSpace(whole.String()), "{{MORE}}", more.String(),
		"{{CLOSED}}", shut.String(), "{{EXAMPLES}}", examples).Replace(head)
	return Brief{Rules: replaced, Task: task(opts)}
}

func task(opts Options) string {
	var b strings.Builder
	b.WriteString("## Requirement\n\n" + strings.TrimSpace(opts.Requirement) + "\n")
	if opts.Context != "" {
		b.WriteString("\n## Context\n\n" + strings.TrimSpace(opts.Context) + "\n")
	}
	if opts.MaxTasks > 0 {
		fmt.Fprintf(&b, "\nAt most %d tasks. Answer with the JSON object of the tree and nothing else.\n", opts.MaxTasks)
	}
	return b.String()
}

// sorted gives the open executors, the ones that fit best first, and the
// closed ones.
func sorted(opts Options) (open, closed []*executors.Definition) {
	var defs []*executors.Definition
	for _, e := range opts.Registry.All() {
		def := e.Definition()
		switch {
		case slices.Contains(opts.Exclude, def.ID), len(opts.Allowed) > 0 && !slices.Contains(opts.Allowed, def.ID):
			continue
		}
		if _, shut := opts.Registry.Closed(def.ID); shut {
			closed = append(closed, def)
			continue
		}
		defs = append(defs, def)
	}
	query := rank.Query{}
	query.Add(opts.Requirement, 1)
	query.Add(opts.Context, 0.5)
	for _, each := range rank.NewIndex(defs).Rank(query) {
		open = append(open, each.Definition)
	}
	return open, closed
}

// describe writes an executor whole.
func describe(def *executors.Definition) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%s\nInput schema: %s\nResult: %s\n", def.ID, purpose(def), def.Input.JSON(), results(def))
	for _, example := range def.Examples {
		if len(example.Inputs) > 2 {
			fmt.Fprintf(&b, "Example inputs: %s\n", compact(example.Inputs))
			break
		}
	}
	b.WriteString("\n")
	return b.String()
}

// purpose is the first sentence of a description.
func purpose(def *executors.Definition) string {
	first, _, found := strings.Cut(def.Description, ". ")
	if found {
		first += "."
	}
	return strings.TrimSpace(first)
}

// briefly is the setting without the example behind it.
func briefly(setting string) string {
	name, _, _ := strings.Cut(setting, ":")
	return name
}

func required(def *executors.Definition) string {
	schema, err := strictjson.DecodeObject(def.Input.JSON())
	list, _ := schema["required"].([]any)
	if err != nil || len(list) == 0 {
		return "none"
	}
	var names []string
	for _, each := range list {
		names = append(names, fmt.Sprint(each))
	}
	return strings.Join(names, ", ")
}

// results names the fields of an executor's result, with their types.
func results(def *executors.Definition) string {
	schema, err := strictjson.DecodeObject(def.Output.JSON())
	if err != nil {
		return ""
	}
	properties, _ := schema["properties"].(map[string]any)
	var fields []string
	for _, name := range def.Output.Properties() {
		fields = append(fields, name+kind(properties[name], true))
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

// kind is the type of a field as a reader needs it, with the fields of objects
// one level down.
func kind(schema any, deeper bool) string {
	object, _ := schema.(map[string]any)
	name, _ := object["type"].(string)
	if name == "object" && deeper {
		if names := fieldsOf(object); len(names) > 0 {
			return ": {" + strings.Join(names, ", ") + "}"
		}
	}
	if name == "" {
		return ""
	}
	return ": " + name
}

// fieldsOf are the fields of an object that its schema names, in one way or
// the other.
func fieldsOf(object map[string]any) []string {
	properties, _ := object["properties"].(map[string]any)
	names := slices.Collect(maps.Keys(properties))
	if len(names) == 0 {
		required, _ := object["required"].([]any)
		for _, each := range required {
			names = append(names, fmt.Sprint(each))
		}
	}
	slices.Sort(names)
	return names
}

func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}

func writeExamples() string {
	var b strings.Builder
	for _, each := range Examples() {
		fmt.Fprintf(&b, "%s:\n%s\n\n", each.Requirement, compact(each.Tree))
	}
	return strings.TrimSpace(b.String()) + "\n"
}
