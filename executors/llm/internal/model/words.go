package model

import (
	_ "embed"
	"slices"
	"strings"
)

//go:embed prompts/in_words.md
var inWords string

// InWords adds the schema to the prompt, for endpoints without a field for it.
func InWords(messages []Message, schema *Schema) []Message {
	text := strings.TrimSpace(strings.Replace(inWords, "{{SCHEMA}}", string(schema.JSON()), 1))
	if len(messages) > 0 && messages[0].Role == System {
		messages = slices.Clone(messages)
		messages[0].Content += "\n\n" + text
		return messages
	}
	return append([]Message{{Role: System, Content: text}}, messages...)
}
