package cli

import (
	"embed"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// helpTexts hold what the help of each command says beyond its flags: what it
// is for, and examples.
//
//go:embed help/*.txt
var helpTexts embed.FS

// mustHelp returns a help text; a missing one is a mistake in the build.
func mustHelp(name string) string {
	text, err := helpTexts.ReadFile("help/" + name + ".txt")
	if err != nil {
		panic(fmt.Errorf("reading the help of %s: %w", name, err))
	}
	return strings.TrimSpace(string(text))
}

// addExamples gives every command its text.
func addExamples(k *kong.Kong) error {
	for _, command := range k.Model.Children {
		if len(command.Children) > 0 {
			command.Detail = mustHelp(command.Name)
		}
	}
	for _, command := range k.Model.Leaves(true) {
		command.Detail = mustHelp(strings.Join(words(command), "-"))
	}
	return nil
}

// words are a command as it is typed: executors new.
func words(command *kong.Node) []string {
	var list []string
	for node := command; node != nil && node.Type == kong.CommandNode; node = node.Parent {
		list = append([]string{node.Name}, list...)
	}
	return list
}
