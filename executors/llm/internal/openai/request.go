package openai

import (
	"strings"

	sdk "github.com/sashabaranov/go-openai"

	"github.com/chainwright/chainwright/executors/llm/internal/model"
)

// request is the body of a request.
type request struct {
	sdk.ChatCompletionRequest
	Temperature *float64 `json:"temperature,omitempty"` // the library leaves out 0
	MaxTokens   int      `json:"max_tokens,omitempty"`  // deprecated at OpenAI, and what others know
}

// translate converts a request. used are the features that the endpoint may not
// support.
func (p *Provider) translate(req model.Request) (body *request, used []string) {
	lacks := func(feature string) bool { return p.Lacks(req.Model, feature) }
	body = &request{}
	body.Model, body.Stream = req.Model, req.OnText != nil
	messages := req.Messages
	if s := req.Schema; s != nil {
		if s.Doc["type"] == "object" && !lacks(model.FeatureSchema) {
			used = append(used, model.FeatureSchema)
			body.ResponseFormat = &sdk.ChatCompletionResponseFormat{
				Type:       sdk.ChatCompletionResponseFormatTypeJSONSchema,
				JSONSchema: &sdk.ChatCompletionResponseFormatJSONSchema{Name: s.Name, Schema: s.JSON(), Strict: s.Strict},
			}
		} else {
			messages = model.InWords(messages, s)
		}
	}
	for _, m := range messages {
		body.Messages = append(body.Messages, sdk.ChatCompletionMessage{Role: m.Role, Content: m.Content})
	}
	if req.Seed != nil && !lacks(model.FeatureSeed) {
		used = append(used, model.FeatureSeed)
		body.Seed = req.Seed
	}
	if body.Stream && !lacks(model.FeatureUsage) {
		used = append(used, model.FeatureUsage)
		body.StreamOptions = &sdk.StreamOptions{IncludeUsage: true}
	}
	if req.Temperature != nil && !lacks(model.FeatureTemperature) {
		used = append(used, model.FeatureTemperature)
		body.Temperature = req.Temperature
	}
	if req.MaxTokens > 0 {
		used = append(used, model.FeatureTokens)
		if reasons(req.Model) != lacks(model.FeatureTokens) {
			body.MaxCompletionTokens = req.MaxTokens
		} else {
			body.MaxTokens = req.MaxTokens
		}
	}
	return body, used
}

// reasons reports whether a model's token limit is called
// max_completion_tokens. If that is wrong, the endpoint's error corrects it.
func reasons(name string) bool {
	for _, family := range []string{"o1", "o3", "o4", "gpt-5", "gpt-6"} {
		if rest, ok := strings.CutPrefix(name, family); ok && (rest == "" || strings.ContainsRune("-.", rune(rest[0]))) {
			return true
		}
	}
	return false
}
