package anthropic

import (
	"encoding/json"
	"strings"
)

// request is the body of a request.
type request struct {
	Model        string   `json:"model"`
	MaxTokens    int      `json:"max_tokens"`
	Temperature  *float64 `json:"temperature,omitempty"`
	Stream       bool     `json:"stream,omitempty"`
	System       []block  `json:"system,omitempty"`
	Messages     []turn   `json:"messages"`
	OutputConfig *output  `json:"output_config,omitempty"`
}

type turn struct {
	Role    string  `json:"role"`
	Content []block `json:"content"`
}

type output struct {
	Format format `json:"format"`
}

type format struct {
	Type   string         `json:"type"`
	Schema map[string]any `json:"schema"`
}

// block is a part of a message: text or reasoning. Blocks of other types have
// neither.
type block struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Thinking string `json:"thinking,omitempty"`
}

// message is a whole reply.
type message struct {
	Model       string          `json:"model"`
	Content     []block         `json:"content"`
	StopReason  string          `json:"stop_reason"`
	StopDetails details         `json:"stop_details"`
	Usage       usage           `json:"usage"`
	Error       json.RawMessage `json:"error"`
}

type details struct {
	Explanation string `json:"explanation"`
}

type usage struct {
	Input   int `json:"input_tokens"`
	Cached  int `json:"cache_read_input_tokens"`
	Created int `json:"cache_creation_input_tokens"`
	Output  int `json:"output_tokens"`
}

// event is an event of a stream.
type event struct {
	Type    string  `json:"type"`
	Index   int     `json:"index"`
	Message message `json:"message"`       // of message_start
	Block   block   `json:"content_block"` // of content_block_start
	Delta   struct {
		block               // of content_block_delta
		StopReason  string  `json:"stop_reason"` // of message_delta
		StopDetails details `json:"stop_details"`
	} `json:"delta"`
	Usage json.RawMessage `json:"usage"` // of message_delta; what it leaves out is not changed
	Error json.RawMessage `json:"error"`
}

// growing is a reply that is being streamed.
type growing struct {
	message
	texts []*texts // of the blocks
}

// texts are the pieces of a block. A string would be copied for each piece.
type texts struct{ text, thinking strings.Builder }

// whole returns the reply so far.
func (g *growing) whole() *message {
	m := g.message
	m.Content = nil
	for i, each := range g.texts {
		b := g.Content[i]
		b.Text += each.text.String()
		b.Thinking += each.thinking.String()
		m.Content = append(m.Content, b)
	}
	return &m
}
