package anthropic

import (
	"strings"

	sdk "github.com/anthropics/anthropic-sdk-go"
)

// pieces are the texts of a reply while they come. The library puts each piece
// to what there is, and copies all of that each time.
type pieces []*piecesOf

type piecesOf struct{ text, thinking strings.Builder }

// take keeps a piece of text or of thinking of one of the blocks that have
// begun, and reports whether the event was one.
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

// into puts the pieces into the blocks that they are of.
func (p pieces) into(message sdk.Message) {
	for i, block := range p {
		message.Content[i].Text += block.text.String()
		message.Content[i].Thinking += block.thinking.String()
	}
}
