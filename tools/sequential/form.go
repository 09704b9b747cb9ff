package sequential

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/tools/sequential/reply"
)

//go:embed definition.yaml prompts schemas
var files embed.FS

// The modes.
const (
	modeSequential = "sequential"
	modeParallel   = "parallel_then_sequential"
)

// Example shows a model what is wanted.
type Example struct {
	Task       string `json:"task" yaml:"task"`
	Parallel   string `json:"parallel_task,omitempty" yaml:"parallel_task"`
	Subsequent string `json:"subsequent_task" yaml:"subsequent_task"`
	Composed   string `json:"composition_task" yaml:"composition_task"`
}

// form is what a mode asks for: in words, by examples, and as a schema.
type form struct {
	names    []string
	prompt   string
	examples []Example
	schema   *llm.Schema
	reply    *reply.Form
}

// forms are those of both modes, and the judge's, read at the first use.
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

// Params are what the answers depend on, beside the task.
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

// complete fills in what was left out.
func (p *Params) complete() {
	p.Depth = max(p.Depth, 1)
	if p.Mode == "" {
		p.Mode = modeSequential
	}
}

// messages ask for what follows from a task, which is yet to be added.
func (p *Params) messages(f *form) []llm.Message {
	system := f.prompt
	if p.Prompt != "" {
		system = p.Prompt
	}
	if p.Language != "" {
		system += "\n\n" + strings.ReplaceAll(text("prompts/language.md"), "{{LANGUAGE}}", p.Language)
	}
	examples := f.examples
	if p.Examples != nil {
		examples = p.Examples
	}
	list := []llm.Message{{Role: llm.RoleSystem, Content: system}}
	for _, e := range examples {
		list = append(list, llm.Message{Role: llm.RoleUser, Content: "task: " + e.Task}, llm.Message{Role: llm.RoleAssistant, Content: f.shown(e)})
	}
	return list[:len(list):len(list)]
}

// shown is an example as the reply that it stands for.
func (f *form) shown(e Example) string {
	values := map[string]string{"parallel_task": e.Parallel, "subsequent_task": e.Subsequent, "composition_task": e.Composed}
	lines := make([]string, len(f.names))
	for i, name := range f.names {
		lines[i] = quote(name) + ": " + quote(values[name])
	}
	return "{" + strings.Join(lines, ", ") + "}"
}

// read makes the reply of a model that wrote no JSON, or other JSON than it
// was asked for, into what it was asked for.
func (f *form) read(said string) (json.RawMessage, bool) {
	values, err := f.reply.Parse(said)
	if err != nil {
		return nil, false
	}
	lines := make([]string, len(values))
	for i, value := range values {
		lines[i] = quote(f.names[i]) + ":" + quote(value)
	}
	return json.RawMessage("{" + strings.Join(lines, ",") + "}"), true
}

// check looks at a reply that fits the schema: what was cut off may fit too,
// and texts may say nothing.
func (f *form) check(r *llm.Reply) []string {
	if r.FinishReason == llm.FinishLength {
		return []string{"it was cut off"}
	}
	if _, err := f.reply.ParseJSON(r.JSON); err != nil {
		return []string{err.Error()}
	}
	return nil
}

func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(fmt.Sprintf("sequential: a text can't be written as JSON: %v", err))
	}
	return strings.TrimSuffix(b.String(), "\n")
}
