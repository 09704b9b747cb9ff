package openai

import (
	"context"
	"strconv"
	"strings"

	sdk "github.com/sashabaranov/go-openai"

	"github.com/chainwright/chainwright/executors/llm/model"
)

type fieldsKey struct{}

func fieldsOf(ctx context.Context) []byte {
	fields, _ := ctx.Value(fieldsKey{}).([]byte)
	return fields
}

// translate gives the body for a request. The parameters in fields go past
// the library: it leaves a temperature of 0 out, and refuses bounds and
// temperatures for models whose name begins in a certain way, wherever they
// are served. used names what the endpoint may not know.
func (p *Provider) translate(req model.Request) (body sdk.ChatCompletionRequest, fields []byte, used []string) {
	lacks := func(feature string) bool { return p.Lacks(req.Model, feature) }
	messages := req.Messages
	body.Model = req.Model
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
	body.Messages = make([]sdk.ChatCompletionMessage, len(messages))
	for i, m := range messages {
		body.Messages[i] = sdk.ChatCompletionMessage{Role: m.Role, Content: m.Content}
	}
	if req.Seed != nil && !lacks(model.FeatureSeed) {
		used = append(used, model.FeatureSeed)
		body.Seed = req.Seed
	}
	if req.OnText != nil && !lacks(model.FeatureUsage) {
		used = append(used, model.FeatureUsage)
		body.StreamOptions = &sdk.StreamOptions{IncludeUsage: true}
	}
	if req.Temperature != nil && !lacks(model.FeatureTemperature) {
		used = append(used, model.FeatureTemperature)
		fields = append(fields, `"temperature":`...)
		fields = strconv.AppendFloat(fields, *req.Temperature, 'g', -1, 64)
	}
	if req.MaxTokens > 0 {
		used = append(used, model.FeatureTokens)
		if len(fields) > 0 {
			fields = append(fields, ',')
		}
		name := `"max_tokens":`
		if reasons(req.Model) != lacks(model.FeatureTokens) {
			name = `"max_completion_tokens":`
		}
		fields = append(fields, name...)
		fields = strconv.AppendInt(fields, int64(req.MaxTokens), 10)
	}
	return body, fields, used
}

// reasons reports whether a model is of a family whose bound is called
// max_completion_tokens. Where that is wrong the endpoint says so.
func reasons(name string) bool {
	for _, family := range []string{"o1", "o3", "o4", "gpt-5", "gpt-6"} {
		if rest, ok := strings.CutPrefix(name, family); ok && (rest == "" || strings.ContainsRune("-.", rune(rest[0]))) {
			return true
		}
	}
	return false
}
