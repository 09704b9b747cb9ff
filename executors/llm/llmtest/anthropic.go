package llmtest

import (
	"encoding/json"
	"net/http"

	"github.com/chainwright/chainwright/executors/llm"
)

// anthropic is Anthropic's messages protocol.
type anthropic struct{ block int }

type anBlock struct {
	Type      string `json:"type"`
	Text      string `json:"text"`
	Thinking  string `json:"thinking,omitempty"`
	Signature string `json:"signature,omitempty"`
}

func (*anthropic) read(body []byte) (Request, error) {
	var in struct {
		Model    string    `json:"model"`
		Stream   bool      `json:"stream"`
		System   []anBlock `json:"system"`
		Messages []struct {
			Role    string    `json:"role"`
			Content []anBlock `json:"content"`
		} `json:"messages"`
	}
	err := json.Unmarshal(body, &in)
	req := Request{Protocol: "anthropic", Model: in.Model, Stream: in.Stream}
	for _, block := range in.System {
		req.Messages = append(req.Messages, llm.Message{Role: llm.RoleSystem, Content: block.Text})
	}
	for _, m := range in.Messages {
		text := ""
		for _, block := range m.Content {
			text += block.Text
		}
		req.Messages = append(req.Messages, llm.Message{Role: m.Role, Content: text})
	}
	return req, err
}

func (*anthropic) knows(header http.Header) bool { return header.Get("X-Api-Key") == Key }

func (*anthropic) fail(w http.ResponseWriter, step *Step) {
	writeJSON(w, step.Status, map[string]any{"type": "error", "error": map[string]any{"type": step.Code, "message": step.Message}})
}

func (*anthropic) usage(step *Step) map[string]any {
	u := step.usage()
	return map[string]any{"input_tokens": u.Input - u.Cached, "output_tokens": u.Output, "cache_read_input_tokens": u.Cached, "cache_creation_input_tokens": 0}
}

func (*anthropic) finish(step *Step) any {
	switch {
	case step.Fault == Cut:
		return nil
	case step.Refusal != "":
		return "refusal"
	case step.Finish == "length":
		return "max_tokens"
	case step.Finish == "", step.Finish == "stop":
		return "end_turn"
	}
	return step.Finish
}

func (p *anthropic) message(req Request, step *Step) map[string]any {
	out := map[string]any{
		"id": "msg_1", "type": "message", "role": "assistant", "model": req.Model, "content": []any{},
		"stop_reason": nil, "stop_sequence": nil, "usage": p.usage(step),
	}
	return out
}

func (p *anthropic) whole(req Request, step *Step) any {
	out := p.message(req, step)
	if step.Fault == NoChoices {
		return out
	}
	var content []any
	if step.Thinking != "" {
		content = append(content, map[string]any{"type": "thinking", "thinking": step.Thinking, "signature": "c2ln"})
	}
	content = append(content, map[string]any{"type": "text", "text": step.Text + step.Refusal})
	out["content"], out["stop_reason"] = content, p.finish(step)
	if step.Refusal != "" {
		out["stop_details"] = map[string]any{"type": "refusal", "category": nil, "explanation": step.Refusal}
	}
	return out
}

func (p *anthropic) begin(req Request, step *Step) []event {
	events := []event{{"message_start", map[string]any{"type": "message_start", "message": p.message(req, step)}}, {"ping", map[string]any{"type": "ping"}}}
	if step.Fault == NoChoices {
		return events
	}
	if step.Thinking != "" {
		events = append(events,
			event{"content_block_start", map[string]any{"type": "content_block_start", "index": p.block, "content_block": map[string]any{"type": "thinking", "thinking": "", "signature": ""}}},
			event{"content_block_delta", map[string]any{"type": "content_block_delta", "index": p.block, "delta": map[string]any{"type": "thinking_delta", "thinking": step.Thinking}}},
			event{"content_block_stop", map[string]any{"type": "content_block_stop", "index": p.block}})
		p.block++
	}
	return append(events, event{"content_block_start", map[string]any{"type": "content_block_start", "index": p.block, "content_block": map[string]any{"type": "text", "text": ""}}})
}

func (p *anthropic) piece(_ Request, text string) []event {
	return []event{{"content_block_delta", map[string]any{
		"type": "content_block_delta", "index": p.block, "delta": map[string]any{"type": "text_delta", "text": text},
	}}}
}

func (p *anthropic) end(_ Request, step *Step) []event {
	return []event{
		{"content_block_stop", map[string]any{"type": "content_block_stop", "index": p.block}},
		{"message_delta", map[string]any{
			"type": "message_delta", "usage": p.usage(step),
			"delta": map[string]any{"stop_reason": p.finish(step), "stop_sequence": nil, "stop_details": map[string]any{"type": "refusal", "explanation": step.Refusal}},
		}},
		{"message_stop", map[string]any{"type": "message_stop"}},
	}
}
