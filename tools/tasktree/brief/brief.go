// Package brief tells a language model how to write a task tree. It is not a stable API.
// A brief has the rules, examples, and the executors that fit the requirement
// with their full schemas. Executors that do not fit into the budget are listed
// with their purpose only.
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
)

//go:embed head.md rules.md handoff.md reply.json examples/*.json
var files embed.FS

// Budget is the largest size of a brief in tokens, without the requirement and
// its context.
const Budget = 6000

// bytesPerToken is the usual estimate of the length of a token.
const bytesPerToken = 4

// Tokens returns the estimated number of tokens of a text.
func Tokens(text string) int { return (len(text) + bytesPerToken - 1) / bytesPerToken }

// ReplySchema returns the JSON Schema of the tree that a model writes.
func ReplySchema() json.RawMessage { return json.RawMessage(text("reply.json")) }

// HandOff returns what an assistant is to do with the brief that it receives.
func HandOff() string { return strings.TrimSpace(text("handoff.md")) }

// text returns a file of this package. The file exists: it is embedded.
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

// Examples returns the examples that every brief has.
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

// Options configure a brief.
type Options struct {
	Registry *executors.Registry
	// Requirement ranks the executors if they do not all fit.
	Requirement string
	Context     string
	Allowed     []string // empty: all
	Exclude     []string
	MaxTasks    int
	Budget      int // tokens; 0: Budget
}

// Brief is the text in two parts: the same for every requirement, and the
// requirement itself.
type Brief struct {
	Rules string
	Task  string
}

// Text returns the whole brief.
func (b Brief) Text() string { return b.Rules + "\n" + b.Task }

// Make returns the brief for a requirement.
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
		shut.WriteString("\nClosed by the operator's policy. Use one only if no open executor does the job; the tree can't run until the operator changes the named setting:\n\n")
		for _, def := range closed {
			setting, _ := opts.Registry.Closed(def.ID)
			fmt.Fprintf(&shut, "- `%s` (closed; %s): %s Required inputs: %s.\n", def.ID, briefly(setting), purpose(def), required(def))
		}
	}
	const others = "\nOther executors, described by the tool or the resource `executor://ID` of the same name:\n\n"
	lines := make([]string, len(ranked)) // there is room for the line of each executor
	left -= shut.Len() + len(others)
	for i, def := range ranked {
		lines[i] = fmt.Sprintf("- `%s`: %s Required inputs: %s.\n", def.ID, purpose(def), required(def))
		left -= len(lines[i])
	}
	var whole, more strings.Builder
	for i, def := range ranked {
		if entry := describe(def); len(entry) <= left+len(lines[i]) {
			whole.WriteString(entry)
			left -= len(entry) - len(lines[i])
			continue
		}
		if more.Len() == 0 {
			more.WriteString(others)
		}
		more.WriteString(lines[i])
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

// sorted returns the open executors, the best match first, and the closed ones.
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
	query := weights{}
	query.add(opts.Requirement, 1)
	query.add(opts.Context, 0.5)
	for _, each := range newIndex(defs).rank(query) {
		open = append(open, each.def)
	}
	return open, closed
}

// describe writes an executor with its schemas.
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

// purpose returns the first sentence of a description.
func purpose(def *executors.Definition) string {
	first, _, found := strings.Cut(def.Description, ". ")
	if found {
		first += "."
	}
	return strings.TrimSpace(first)
}

// briefly returns the setting without the example that follows it.
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

// results lists the fields of an executor's result, with their types.
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

// kind returns the type of a field for a reader, with the fields of objects one
// level down.
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

// fieldsOf returns the fields of an object that its schema names.
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
