package cli

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"
)

// completionScripts are one template a shell; each is given the commands and
// flags of the grammar.
//
//go:embed templates/completion.*
var completionScripts embed.FS

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish,powershell" help:"bash, zsh, fish or powershell."`
}

// completed is a command as the scripts see it.
type completed struct {
	Name  string
	Help  string
	Flags []completedFlag
	// Words are the values that its argument may have; Files says that it is
	// a file.
	Words []string
	Files bool
}

type completedFlag struct {
	Name   string
	Short  string
	Help   string
	Takes  bool // takes a value
	Values []string
	Files  bool
}

// Run prints the script for a shell, made from the grammar.
func (c *completionCmd) Run(s *session) error {
	tmpl, err := template.New("completion."+c.Shell).Funcs(template.FuncMap{
		"words": func(list []string) string { return strings.Join(list, " ") },
		"quote": func(text string) string { return "'" + strings.ReplaceAll(text, "'", "'\\''") + "'" },
		"zsh":   zshText,
		"ps":    func(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" },
	}).ParseFS(completionScripts, "templates/completion."+c.Shell)
	if err != nil {
		return fmt.Errorf("writing the completion script: %w", err)
	}
	if err := tmpl.Execute(s.out, describeCommands(s.model)); err != nil {
		return fmt.Errorf("writing the completion script: %w", err)
	}
	return nil
}

// zshText writes a text for one of zsh's descriptions.
func zshText(text string) string {
	return strings.NewReplacer("'", `'\''`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(text)
}

// describeCommands reads the grammar: each command with its own flags and
// those of every command.
func describeCommands(app *kong.Application) []completed {
	var list []completed
	for _, node := range app.Leaves(true) {
		typed := words(node)
		if len(list) == 0 || list[len(list)-1].Name != typed[0] {
			list = append(list, completed{Name: typed[0], Help: node.Help})
		}
		command := &list[len(list)-1]
		if len(typed) > 1 {
			command.Help = node.Parent.Help
			command.Words = append(command.Words, typed[1])
		}
		for _, group := range node.AllFlags(true) {
			for _, flag := range group {
				if described := describeFlag(flag); !command.has(described.Name) {
					command.Flags = append(command.Flags, described)
				}
			}
		}
		for _, argument := range node.Positional {
			command.Words = append(command.Words, enum(argument)...)
			command.Files = command.Files || argument.Name == "file"
		}
	}
	return list
}

func (c *completed) has(flag string) bool {
	return slices.ContainsFunc(c.Flags, func(f completedFlag) bool { return f.Name == flag })
}

func describeFlag(flag *kong.Flag) completedFlag {
	f := completedFlag{Name: flag.Name, Help: flag.Help, Takes: !flag.IsBool(), Values: enum(flag.Value)}
	if flag.Short != 0 {
		f.Short = string(flag.Short)
	}
	f.Files = f.Takes && strings.Contains(flag.PlaceHolder, "FILE")
	return f
}

func enum(value *kong.Value) []string {
	var list []string
	for _, word := range value.EnumSlice() {
		if word != "" {
			list = append(list, word)
		}
	}
	return list
}
