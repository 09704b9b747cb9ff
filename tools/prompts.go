package tools

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"
	"text/template"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors"
)

//go:embed prompts/plan_task_tree.md prompts/explain_failed_run.md
var promptFiles embed.FS

// Prompt is a text that a person chooses to begin with, with places for
// arguments. It is a file: a head that describes it, and a template.
type Prompt struct {
	Name        string           `yaml:"name"`
	Title       string           `yaml:"title"`
	Description string           `yaml:"description"`
	Arguments   []PromptArgument `yaml:"arguments"`

	body *template.Template
}

// PromptArgument is a place in a prompt. Enum lists all the values there are;
// Complete names where suggestions come from: executor, run.
type PromptArgument struct {
	Name        string   `yaml:"name"`
	Description string   `yaml:"description"`
	Required    bool     `yaml:"required"`
	Enum        []string `yaml:"enum"`
	Complete    string   `yaml:"complete"`
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
	if prompt.body, err = template.New(prompt.Name).Option("missingkey=error").Parse(body); err != nil {
		return Prompt{}, fmt.Errorf("%s: %w", name, err)
	}
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
	data := map[string]any{}
	for _, argument := range prompt.Arguments {
		value := args[argument.Name]
		switch {
		case value == "" && argument.Required:
			return "", executors.Errorf(executors.ValidationError, "%s is required", argument.Name).WithField(argument.Name)
		case value != "" && len(argument.Enum) > 0 && !slices.Contains(argument.Enum, value):
			return "", executors.Errorf(executors.ValidationError, "%s must be one of %s; got %q",
				argument.Name, strings.Join(argument.Enum, ", "), value).WithField(argument.Name)
		}
		data[argument.Name] = value
	}
	if _, ok := data["run_id"]; ok {
		run, err := s.runInBrief(ctx, args["run_id"])
		if err != nil {
			return "", err
		}
		data["run"] = run
	}
	data["executors"] = s.ExecutorResources(ctx)
	var text bytes.Buffer
	if err := prompt.body.Execute(&text, data); err != nil {
		return "", executors.AsError(fmt.Errorf("filling in the prompt %s: %w", name, err))
	}
	return strings.TrimSpace(text.String()) + "\n", nil
}

// runInBrief is a run without its results, short enough for a prompt.
func (s *Set) runInBrief(ctx context.Context, id string) (string, *executors.Error) {
	view, err := s.opts.Runner.Run(ctx, id, CallerFrom(ctx).Principal)
	if err != nil {
		return "", executors.AsError(err)
	}
	return cut(brief(view), MaxResult/2), nil
}
