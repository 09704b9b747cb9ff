package tools

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors"
)

//go:embed prompts/plan_task_tree.md prompts/explain_failed_run.md
var promptFiles embed.FS

// Prompt is a text that a person chooses to begin with, with places for
// arguments. It is a file: a head that describes it, and the text, in which
// {{name}} is an argument's value or what the server knows under that name, and
// {{says name}} the paragraph that the argument puts there.
type Prompt struct {
	Name        string           `yaml:"name"`
	Title       string           `yaml:"title"`
	Description string           `yaml:"description"`
	Arguments   []PromptArgument `yaml:"arguments"`

	body string
}

// PromptArgument is a place in a prompt. Enum lists all the values there are;
// Complete names where suggestions come from: executor, run. Says holds a
// paragraph for a value, for any other one, and for none.
type PromptArgument struct {
	Name        string            `yaml:"name"`
	Description string            `yaml:"description"`
	Required    bool              `yaml:"required"`
	Enum        []string          `yaml:"enum"`
	Complete    string            `yaml:"complete"`
	Says        map[string]string `yaml:"says"`
}

// paragraph is what the argument says of a value, between empty lines; "" where
// it has nothing to say.
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

// prompts are read once, when they are first wanted; a file that can't be
// read is a defect of the build.
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

// Prompts gives the prompts, in the order of their names.
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

// executorList names the executors, one a line.
func (s *Set) executorList(ctx context.Context) string {
	var lines []string
	for _, each := range s.ExecutorResources(ctx) {
		lines = append(lines, "- `"+each.Name+"`: "+each.Description)
	}
	return strings.Join(lines, "\n")
}

// runInBrief is a run without its results, short enough for a prompt.
func (s *Set) runInBrief(ctx context.Context, id string) (string, *executors.Error) {
	view, err := s.opts.Runner.Run(ctx, id, CallerFrom(ctx).Principal)
	if err != nil {
		return "", executors.AsError(err)
	}
	return cut(brief(view), MaxResult/2), nil
}
