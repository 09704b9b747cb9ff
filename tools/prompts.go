package tools

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
)

//go:embed prompts/plan_task_tree.md prompts/explain_failed_run.md
var promptFiles embed.FS

// Prompt is a text that a person selects to start a conversation, with
// placeholders. It is a file: a head that describes it, and the text. In the
// text {{name}} is the value of an argument or of a variable of the server, and
// {{says name}} is the paragraph for the argument's value.
type Prompt struct {
	Name        string           `yaml:"name"`
	Title       string           `yaml:"title"`
	Description string           `yaml:"description"`
	Arguments   []PromptArgument `yaml:"arguments"`

	body string
}

// PromptArgument is an argument of a prompt. Enum lists all allowed values.
// Complete is the source of suggestions: executor or run. Says has a paragraph
// for single values, for any other value, and for no value.
type PromptArgument struct {
	Name        string            `yaml:"name"`
	Description string            `yaml:"description"`
	Required    bool              `yaml:"required"`
	Enum        []string          `yaml:"enum"`
	Complete    string            `yaml:"complete"`
	Says        map[string]string `yaml:"says"`
}

// paragraph returns the paragraph for a value, between empty lines, or "" if
// there is no paragraph.
func (a *PromptArgument) paragraph(value string) string {
	text, own := a.Says[value]
	switch {
	case own:
	case value == "":
		text = a.Says["none"]
	default:
		text = a.Says["any"]
	}
	if text == "" {
		return ""
	}
	return "\n" + strings.ReplaceAll(text, "{{"+a.Name+"}}", value) + "\n"
}

// prompts are read once, on first use. A file that can't be read is a defect of
// the build.
var prompts = sync.OnceValue(loadPrompts)

func loadPrompts() []Prompt {
	entries, err := promptFiles.ReadDir("prompts")
	if err != nil {
		panic(err)
	}
	var list []Prompt
	for _, entry := range entries {
		prompt, err := loadPrompt("prompts/" + entry.Name())
		if err != nil {
			panic(err)
		}
		list = append(list, prompt)
	}
	return list
}

func loadPrompt(name string) (Prompt, error) {
	data, err := promptFiles.ReadFile(name)
	if err != nil {
		return Prompt{}, fmt.Errorf("reading a prompt: %w", err)
	}
	head, body, ok := strings.Cut(strings.TrimPrefix(string(data), "---\n"), "\n---\n")
	if !ok {
		return Prompt{}, fmt.Errorf("%s: no head between lines of ---", name)
	}
	var prompt Prompt
	decoder := yaml.NewDecoder(strings.NewReader(head))
	decoder.KnownFields(true)
	if err := decoder.Decode(&prompt); err != nil {
		return Prompt{}, fmt.Errorf("%s: %w", name, err)
	}
	prompt.body = body
	return prompt, nil
}

// Prompts returns the prompts, sorted by name.
func (s *Set) Prompts() []Prompt { return slices.Clone(prompts()) }

// Prompt fills in a prompt.
func (s *Set) Prompt(ctx context.Context, name string, args map[string]string) (string, *executors.Error) {
	i := slices.IndexFunc(prompts(), func(p Prompt) bool { return p.Name == name })
	if i < 0 {
		return "", executors.Errorf(executors.NotFound, "there is no prompt %q", name)
	}
	prompt := prompts()[i]
	var places []string
	for i := range prompt.Arguments {
		argument := &prompt.Arguments[i]
		value := args[argument.Name]
		switch {
		case value == "" && argument.Required:
			return "", executors.Errorf(executors.ValidationError, "%s is required", argument.Name).WithField(argument.Name)
		case value != "" && len(argument.Enum) > 0 && !slices.Contains(argument.Enum, value):
			return "", executors.Errorf(executors.ValidationError, "%s must be one of %s; got %q",
				argument.Name, strings.Join(argument.Enum, ", "), value).WithField(argument.Name)
		}
		places = append(places, "{{"+argument.Name+"}}", value, "{{says "+argument.Name+"}}", argument.paragraph(value))
		if argument.Complete == "run" {
			run, err := s.runInBrief(ctx, value)
			if err != nil {
				return "", err
			}
			places = append(places, "{{run}}", run)
		}
	}
	places = append(places, "{{executors}}", s.executorList(ctx))
	return strings.TrimSpace(strings.NewReplacer(places...).Replace(prompt.body)) + "\n", nil
}

// executorList returns the names of the executors, one on each line.
func (s *Set) executorList(ctx context.Context) string {
	var lines []string
	for _, each := range s.ExecutorResources(ctx) {
		lines = append(lines, "- `"+each.Name+"`: "+each.Description)
	}
	return strings.Join(lines, "\n")
}

// runInBrief returns a run without its results, short enough for a prompt.
func (s *Set) runInBrief(ctx context.Context, id string) (string, *executors.Error) {
	view, err := s.opts.Runner.Get(ctx, id, CallerFrom(ctx).Principal, chain.ResultsUpTo(0))
	if err != nil {
		return "", executors.AsError(err)
	}
	raw, _, err := s.runs.shown(view, &wanted{tasks: map[string]bool{}, limit: -1}, MaxResult/2)
	if err != nil {
		return "", executors.AsError(err)
	}
	return string(raw), nil
}
