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
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
)

//go:embed head.md rules.md handoff.md notes.yaml reply.json examples/*.json
var files embed.FS

// The sizes of a brief in tokens, without the requirement and its context.
const (
	Budget = 6000 // the largest, also with executors of the user's own
	Aim    = 4000 // executors are described whole up to this size
)

// line is the longest purpose in the line of an executor, in bytes.
const line = 90

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
	// ReadOnly means that the caller may only make calls that change nothing.
	ReadOnly bool
	// HideNames leaves out the names of connections, folders, programs and secrets.
	HideNames bool
	MaxTasks  int
	Budget    int // tokens; 0: Aim. Above Budget, all executors are described whole
}

// Brief is the text in two parts: the same for every requirement, and the
// requirement itself.
type Brief struct {
	Rules string
	Task  string
}

// Text returns the whole brief.
func (b Brief) Text() string { return b.Rules + "\n" + b.Task }

// Make returns the brief for a requirement. Executors that match it are described
// whole while there is room, whether they are open or not. The others have a line.
func Make(opts Options) Brief {
	if opts.Budget == 0 {
		opts.Budget = Aim
	}
	rules, examples, head := strings.TrimSpace(text("rules.md")), writeExamples(), text("head.md")
	list, needed := choose(opts)
	const others = "\nOther executors, with their required inputs; the resource `executor://ID` describes each:\n\n"
	const unlisted = "- %d more: see the list of tools\n"
	names := configured(opts, list, needed)
	fixed := len(head) + len(rules) + len(notation) + len(examples) + len(others)
	lines, sum := make([]string, len(list)), 0
	for i, def := range list {
		lines[i] = fmt.Sprintf("- `%s`(%s)%s: %s\n", def.ID, required(def), closed(opts.Registry, def), shorten.Line(purpose(def), line))
		sum += len(lines[i])
	}
	// There is room for the line of each executor, unless the user made hundreds.
	reserved := min(sum, opts.Budget*bytesPerToken/4)
	left := opts.Budget*bytesPerToken - fixed - reserved - min(len(names), usualNames)
	var whole strings.Builder
	var rest []int
	for i, def := range list {
		freed := len(lines[i]) * reserved / sum // its line is not needed then
		if entry := describe(opts.Registry, def); (i < needed || opts.Budget > Budget) && len(entry) <= left+freed {
			whole.WriteString(entry)
			left -= len(entry) - freed
			continue
		}
		rest = append(rest, i)
	}
	var more strings.Builder
	if len(rest) > 0 {
		more.WriteString(others)
	}
	room := max(opts.Budget, Budget)*bytesPerToken - fixed - len(names) - whole.Len() - len(unlisted)
	for n, i := range rest {
		if room -= len(lines[i]); room < 0 {
			fmt.Fprintf(&more, unlisted, len(rest)-n)
			break
		}
		more.WriteString(lines[i])
	}
	more.WriteString(names)
	replaced := strings.NewReplacer("{{RULES}}", rules, "{{NOTATION}}", notation, "{{EXECUTORS}}", strings.TrimSpace(whole.String()),
		"{{MORE}}", more.String(), "{{EXAMPLES}}", examples).Replace(head)
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

// describe writes an executor with its inputs and results.
func describe(reg *executors.Registry, def *executors.Definition) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s%s\n\n%s\nInputs: %s\nResult: %s\n", def.ID, closed(reg, def), purpose(def), signature(def.Input.JSON()), results(def))
	note := notes()[def.ID]
	if note.Text != "" {
		b.WriteString(note.Text + "\n")
	}
	shown := note.Inputs
	for _, example := range def.Examples {
		if shown == nil && len(example.Inputs) > 2 {
			shown = example.Inputs
		}
	}
	if shown != nil {
		fmt.Fprintf(&b, "Example inputs: %s\n", compact(shown))
	}
	b.WriteString("\n")
	return b.String()
}

// note is what a plan needs to know of an executor beyond its schemas.
type note struct {
	Text   string
	Inputs json.RawMessage // an example
}

// notes returns the notes by the id of the executor.
var notes = sync.OnceValue(func() map[string]note {
	var all map[string]struct {
		Text   string
		Inputs map[string]any
	}
	if err := yaml.Unmarshal([]byte(text("notes.yaml")), &all); err != nil {
		panic(fmt.Errorf("notes.yaml: %w", err))
	}
	made := map[string]note{}
	for id, each := range all {
		made[id] = note{Text: each.Text, Inputs: plainjson.Must(each.Inputs)}
	}
	return made
})

// closed returns the setting that opens an executor, or "" if it is open.
func closed(reg *executors.Registry, def *executors.Definition) string {
	setting, shut := reg.Closed(def.ID)
	if !shut {
		return ""
	}
	return " (closed; " + briefly(setting) + ")"
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
		return ""
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
