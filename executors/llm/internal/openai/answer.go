package openai

import (
	"encoding/json"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/internal/model"
)

// answer is a whole response, or an event of a stream.
type answer struct {
	Model   string          `json:"model"`
	Choices []choice        `json:"choices"`
	Usage   *usage          `json:"usage"`
	Error   json.RawMessage `json:"error"`
}

type choice struct {
	Message message         `json:"message"`
	Delta   message         `json:"delta"`
	Finish  loose           `json:"finish_reason"`
	Error   json.RawMessage `json:"error"`
}

// message is a message or a piece of one. Endpoints send reasoning in either
// field, and some in both.
type message struct {
	Content          content `json:"content"`
	ReasoningContent loose   `json:"reasoning_content"`
	Reasoning        loose   `json:"reasoning"`
	Refusal          loose   `json:"refusal"`
}

func (m *message) reasoning() string {
	said := string(m.ReasoningContent)
	if said == "" {
		said = string(m.Reasoning)
	}
	return said + m.Content.thinking
}

func (m *message) refusal() string { return string(m.Refusal) + m.Content.refusal }

// loose is a text. Other JSON is read as the empty text.
type loose string

// UnmarshalJSON never fails.
func (l *loose) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil {
		text = ""
	}
	*l = loose(text)
	return nil
}

// content is the content of a message: a text, or an array of texts and parts.
type content struct{ text, thinking, refusal string }

// part is a part of a message. Its text is in Text or Content. Both, and
// Thinking, are a text, {"value": …}, or parts again.
type part struct {
	Type     string          `json:"type"`
	Text     json.RawMessage `json:"text"`
	Value    loose           `json:"value"`
	Content  json.RawMessage `json:"content"`
	Thinking json.RawMessage `json:"thinking"`
	Refusal  loose           `json:"refusal"`
}

// deepestContent is how deep parts can be nested.
const deepestContent = 6

// UnmarshalJSON fails if there is a part that is neither text, reasoning nor a
// reference to a source.
func (c *content) UnmarshalJSON(data []byte) error { return c.add(data, deepestContent) }

func (c *content) add(data []byte, depth int) error {
	switch {
	case len(data) == 0 || data[0] == 'n':
		return nil
	case depth == 0 && data[0] != '"':
		return executors.Errorf(executors.ExecutionError, "the content of the model's reply is nested too deeply")
	case data[0] == '[':
		var list []json.RawMessage
		if err := json.Unmarshal(data, &list); err != nil {
			return err
		}
		for _, each := range list {
			if err := c.add(each, depth-1); err != nil {
				return err
			}
		}
		return nil
	case data[0] == '{':
		var p part
		if err := json.Unmarshal(data, &p); err != nil {
			return err
		}
		return c.addPart(&p, depth-1)
	}
	var text string
	err := json.Unmarshal(data, &text)
	c.text += text
	return err
}

func (c *content) addPart(p *part, depth int) error {
	var in content
	for _, each := range []json.RawMessage{p.Text, p.Content, p.Thinking} {
		if err := in.add(each, depth); err != nil {
			return err
		}
	}
	in.text += string(p.Value)
	kind := strings.ToLower(p.Type)
	switch {
	case strings.Contains(kind, "thinking"), strings.Contains(kind, "reasoning"):
		c.thinking += in.text + in.thinking
	case kind == "refusal":
		c.refusal += in.text + string(p.Refusal)
	case strings.Contains(kind, "text"), kind == "":
		c.text, c.thinking, c.refusal = c.text+in.text, c.thinking+in.thinking, c.refusal+in.refusal
	case kind == "reference", kind == "annotations":
	default:
		return executors.Errorf(executors.ExecutionError, "the model's reply contains a part of the type %q; only text is read", model.Clean(p.Type)).
			WithHint("ask for text, or try another model")
	}
	return nil
}

type usage struct {
	Prompt     float64 `json:"prompt_tokens"`
	Completion float64 `json:"completion_tokens"`
	Details    struct {
		Cached float64 `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
}

func (u *usage) sum() model.Usage {
	if u == nil {
		return model.Usage{}
	}
	return model.Usage{InputTokens: int(u.Prompt), OutputTokens: int(u.Completion), CachedTokens: int(u.Details.Cached)}
}

// reported returns the error in a body or an event, also one within a choice.
// parsed is nil if the data could not be read.
func reported(data []byte, parsed *answer) (model.Upstream, bool) {
	if parsed == nil {
		return model.ErrorIn(data)
	}
	if len(parsed.Choices) > 0 {
		first := parsed.Choices[0]
		if up, ok := model.ErrorOf(first.Error); ok {
			return up, true
		}
		if up, ok := model.ErrorOf(parsed.Error); ok {
			return up, true
		}
		if first.Finish == "error" {
			return model.Upstream{Code: "server_error", Message: "generating the reply failed"}, true
		}
		return model.Upstream{}, false
	}
	if up, ok := model.ErrorIn(data); ok {
		return up, true
	}
	return model.MessageIn(data)
}
