package anthropic

import (
	"strings"

	sdk "github.com/anthropics/anthropic-sdk-go"
)

// pieces collects the texts of a streamed reply. The SDK would copy the whole
// text for each piece.
type pieces []*piecesOf

type piecesOf struct{ text, thinking strings.Builder }

// take adds a piece of text or reasoning to a block that has begun. It reports
// whether the event was one.
func (p *pieces) take(event sdk.MessageStreamEventUnion, begun int) bool {
	if event.Type != "content_block_delta" || event.Index < 0 || event.Index >= int64(begun) {
		return false
	}
	for len(*p) < begun {
		*p = append(*p, new(piecesOf))
	}
	switch block := (*p)[event.Index]; event.Delta.Type {
	case "text_delta":
		block.text.WriteString(event.Delta.Text)
	case "thinking_delta":
		block.thinking.WriteString(event.Delta.Thinking)
	default:
		return false
	}
	return true
}

// into sets the texts of the message's blocks.
func (p pieces) into(message sdk.Message) {
	for i, block := range p {
		message.Content[i].Text += block.text.String()
		message.Content[i].Thinking += block.thinking.String()
	}
}
