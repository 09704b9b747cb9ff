package llm

import (
	"context"
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

// keyVariables are the variables with the keys, by provider.
var keyVariables = map[string]string{OpenAI: "OPENAI_API_KEY", Anthropic: "ANTHROPIC_API_KEY"}

// Describe returns the endpoint and the model that would be used, as text for
// people: whose key goes along, the ceiling of a run, and how to turn it off. It
// may request the endpoint's list of models.
func (c *Client) Describe(ctx context.Context) string {
	e, err := c.choose(ctx, "")
	if err != nil {
		return None + ": " + executors.AsError(err).Hint
	}
	name, err := c.modelOf(ctx, e, &Request{})
	if err != nil {
		name = "no model: " + err.Error()
	}
	text := e.name + " at " + e.provider.Endpoint() + ", " + name
	if e.keyed {
		text += ", with the key in " + keyVariables[e.name]
	}
	return text + "; " + c.limits(e) + "; " + providerVariable + "=" + None + " turns it off"
}

// limits returns the ceiling of a run with requests to an endpoint, in words.
func (c *Client) limits(e *endpoint) string {
	ceiling := c.settings.ceiling()
	var list []string
	if ceiling.usual && !e.keyed {
		ceiling = Ceiling{}
	}
	if ceiling.CostUSD > 0 {
		list = append(list, fmt.Sprintf("$%g", ceiling.CostUSD))
	}
	if ceiling.Tokens > 0 {
		list = append(list, fmt.Sprintf("%d tokens", ceiling.Tokens))
	}
	if len(list) == 0 {
		return "a run has no ceiling"
	}
	return "a run stops at " + strings.Join(list, " or ")
}

// Warning returns a line for the operator if a key in the environment alone
// opens the model tools: nobody chose the provider. Otherwise it returns "". It
// sends no request.
func (c *Client) Warning() string {
	if c.wantedProvider() != Auto {
		return ""
	}
	for _, name := range []string{OpenAI, Anthropic} {
		if !c.configured(context.Background(), name) {
			continue
		}
		e, err := c.endpoint(name)
		if err != nil || !e.keyed {
			return ""
		}
		return fmt.Sprintf("%s in the environment opens the model tools: %s; %s; to turn them off, set %s=%s",
			keyVariables[name], strings.TrimSpace("provider "+name+" "+c.knownModel(e)), c.limits(e), providerVariable, None)
	}
	return ""
}

// Note returns the provider and, as far as it is known without a request, the
// model, for the descriptions of tools; "" without a model.
func (c *Client) Note() string {
	if c == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTime)
	defer cancel()
	e, err := c.choose(ctx, "")
	if err != nil {
		return ""
	}
	return "Model: " + strings.TrimSpace(e.name+" "+c.knownModel(e)) + "."
}

// knownModel returns the model for requests that name none, or "" if only the
// endpoint knows it.
func (c *Client) knownModel(e *endpoint) string {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // no request is sent
	name, err := c.modelOf(ctx, e, &Request{})
	if err != nil {
		return ""
	}
	return name
}
