package llmtest

import (
	"encoding/json"
	"net/http"

	"github.com/chainwright/chainwright/executors/llm"
)

// openAI is the chat completions protocol.
type openAI struct{}

func (openAI) read(body []byte) (Request, error) {
	var in struct {
		Model    string        `json:"model"`
		Stream   bool          `json:"stream"`
		Messages []llm.Message `json:"messages"`
	}
	err := json.Unmarshal(body, &in)
	return Request{Protocol: "openai", Model: in.Model, Stream: in.Stream, Messages: in.Messages}, err
}

func (openAI) knows(header http.Header) bool {
	given := header.Get("Authorization")
	return given == "" || given == "Bearer "+Key
}

func (openAI) fail(w http.ResponseWriter, step *Step) {
	writeJSON(w, step.Status, map[string]any{"error": map[string]any{"message": step.Message, "type": step.Code, "code": step.Code}})
}

type (
	oaMessage struct {
		Role      string `json:"role,omitempty"`
		Content   string `json:"content"`
		Reasoning string `json:"reasoning_content,omitempty"`
		Refusal   string `json:"refusal,omitempty"`
	}
	oaChoice struct {
		Index   int        `json:"index"`
		Message *oaMessage `json:"message,omitempty"`
		Delta   *oaMessage `json:"delta,omitempty"`
		Finish  *string    `json:"finish_reason"`
	}
	oaUsage struct {
		Prompt     int       `json:"prompt_tokens"`
		Completion int       `json:"completion_tokens"`
		Total      int       `json:"total_tokens"`
		Details    oaDetails `json:"prompt_tokens_details"`
	}
	oaDetails struct {
		Cached int `json:"cached_tokens"`
	}
	oaResponse struct {
		ID      string     `json:"id"`
		Object  string     `json:"object"`
		Model   string     `json:"model"`
		Choices []oaChoice `json:"choices"`
		Usage   *oaUsage   `json:"usage,omitempty"`
	}
)

func (openAI) usage(step *Step) *oaUsage {
	u := step.usage()
	return &oaUsage{u.Input, u.Output, u.Input + u.Output, oaDetails{u.Cached}}
}

func (openAI) finish(step *Step) *string {
	reason := step.Finish
	switch {
	case step.Fault == Cut:
		return nil
	case reason == "":
		reason = "stop"
	}
	return &reason
}

func (p openAI) whole(req Request, step *Step) any {
	out := oaResponse{ID: "chatcmpl-1", Object: "chat.completion", Model: req.Model, Choices: []oaChoice{}, Usage: p.usage(step)}
	if step.Fault != NoChoices {
		out.Choices = append(out.Choices, oaChoice{
			Message: &oaMessage{Role: "assistant", Content: step.Text, Reasoning: step.Thinking, Refusal: step.Refusal}, Finish: p.finish(step),
		})
	}
	return out
}

func (p openAI) chunk(req Request, delta oaMessage, finish *string) event {
	return event{data: oaResponse{
		ID: "chatcmpl-1", Object: "chat.completion.chunk", Model: req.Model, Choices: []oaChoice{{Delta: &delta, Finish: finish}},
	}}
}

func (p openAI) begin(req Request, step *Step) []event {
	events := []event{p.chunk(req, oaMessage{Role: "assistant", Reasoning: step.Thinking}, nil)}
	if step.Refusal != "" {
		events = append(events, p.chunk(req, oaMessage{Refusal: step.Refusal}, nil))
	}
	return events
}

func (p openAI) piece(req Request, text string) []event {
	return []event{p.chunk(req, oaMessage{Content: text}, nil)}
}

func (p openAI) end(req Request, step *Step) []event {
	return []event{
		p.chunk(req, oaMessage{}, p.finish(step)),
		{data: oaResponse{ID: "chatcmpl-1", Object: "chat.completion.chunk", Model: req.Model, Choices: []oaChoice{}, Usage: p.usage(step)}},
		{data: "[DONE]"},
	}
}
