package sequential

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/tools/sequential/internal/reply"
)

//go:embed definition.yaml table.yaml prompts schemas
var files embed.FS

// The modes.
const (
	modeSequential = "sequential"
	modeParallel   = "parallel_then_sequential"
)

// Example is a task with the answer that a model should give.
type Example struct {
	Task       string `json:"task" yaml:"task"`
	Parallel   string `json:"parallel_task,omitempty" yaml:"parallel_task"`
	Subsequent string `json:"subsequent_task" yaml:"subsequent_task"`
	Composed   string `json:"composition_task" yaml:"composition_task"`
}

// form is the request of a mode: instructions, examples, and the reply's schema.
type form struct {
	names    []string
	prompt   string
	examples []Example
	schema   *llm.Schema
	reply    *reply.Form
}

// forms returns the forms of both modes and of the judge, read at the first use.
var forms = sync.OnceValue(func() map[string]*form {
	var examples map[string][]Example
	if err := yaml.Unmarshal([]byte(text("prompts/examples.yaml")), &examples); err != nil {
		panic(fmt.Sprintf("sequential: the examples: %v", err))
	}
	made := func(name, prompt string, names ...string) *form {
		return &form{names: names, prompt: text("prompts/" + prompt), examples: examples[name], schema: schema(name), reply: reply.NewForm(names...)}
	}
	return map[string]*form{
		modeSequential: made(modeSequential, "sequential.md", "subsequent_task", "composition_task"),
		modeParallel:   made(modeParallel, "parallel.md", "parallel_task", "subsequent_task", "composition_task"),
		"verdict":      made("verdict", "judge.md"),
	}
})

func schema(name string) *llm.Schema {
	s, err := llm.NewSchema(name, json.RawMessage(text("schemas/"+name+".json")))
	if err != nil {
		panic(fmt.Sprintf("sequential: the schema %s: %v", name, err))
	}
	return s
}

func text(name string) string {
	data, err := files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("sequential: %v", err))
	}
	return strings.TrimSpace(string(data))
}

// Params are the inputs that an answer depends on, except for the task.
type Params struct {
	Depth       int       `json:"depth"`
	Mode        string    `json:"mode"`
	Check       bool      `json:"check"`
	Prompt      string    `json:"prompt"`
	Examples    []Example `json:"examples"`
	Language    string    `json:"language"`
	Provider    string    `json:"provider"`
	Model       string    `json:"model"`
	Temperature *float64  `json:"temperature"`
	MaxTokens   int       `json:"max_tokens"`
	Seed        *int      `json:"seed"`
}

// complete sets the defaults.
func (p *Params) complete() {
	p.Depth = max(p.Depth, 1)
	if p.Mode == "" {
		p.Mode = modeSequential
	}
}

// messages returns the request without its last message, the task.
func (p *Params) messages(f *form) []llm.Message {
	system := f.prompt
	if p.Prompt != "" {
		system = p.Prompt
	}
	if p.Language != "" {
		system += "\n\n" + strings.ReplaceAll(text("prompts/language.md"), "{{LANGUAGE}}", p.Language)
	}
	list := []llm.Message{{Role: llm.RoleSystem, Content: system}}
	for _, e := range p.shown(f) {
		list = append(list, llm.Message{Role: llm.RoleUser, Content: "task: " + e.Task}, llm.Message{Role: llm.RoleAssistant, Content: f.shown(e)})
	}
	return list[:len(list):len(list)]
}

// shown returns the examples of the prompt.
func (p *Params) shown(f *form) []Example {
	if p.Examples != nil {
		return p.Examples
	}
	return f.examples
}

// shown returns the reply for an example.
func (f *form) shown(e Example) string {
	values := map[string]string{"parallel_task": e.Parallel, "subsequent_task": e.Subsequent, "composition_task": e.Composed}
	lines := make([]string, len(f.names))
	for i, name := range f.names {
		lines[i] = string(plainjson.Must(name)) + ": " + string(plainjson.Must(values[name]))
	}
	return "{" + strings.Join(lines, ", ") + "}"
}

// read converts a reply that is text, or JSON that does not fit the schema, to
// the JSON of the schema. It returns false where a value is missing.
func (f *form) read(said string) (json.RawMessage, bool) {
	values, err := f.reply.Parse(said)
	if err != nil {
		return nil, false
	}
	lines := make([]string, len(values))
	for i, value := range values {
		lines[i] = string(plainjson.Must(f.names[i])) + ":" + string(plainjson.Must(value))
	}
	return json.RawMessage("{" + strings.Join(lines, ",") + "}"), true
}

// check lists what is wrong with a reply that fits the schema: it may have been
// cut off, its texts may be empty, and it may repeat what it was given.
func (f *form) check(r *llm.Reply, given string, before []Level, examples []Example) []string {
	if r.FinishReason == llm.FinishLength {
		return []string{"it was cut off"}
	}
	values, err := f.reply.ParseJSON(r.JSON)
	if err != nil {
		return []string{err.Error()}
	}
	return repeats(f.names, values, given, before, examples)
}
