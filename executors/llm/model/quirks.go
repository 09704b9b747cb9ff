package model

import (
	"strings"
	"sync"
)

// Quirks remembers what models of an endpoint don't take, so that it is found
// out once. The zero value knows of none.
type Quirks struct{ byModel sync.Map }

// Features that not every model takes.
const (
	FeatureSchema      = "schema"
	FeatureTemperature = "temperature"
	FeatureSeed        = "seed"
	FeatureTokens      = "tokens"        // the name of the bound that was tried first
	FeatureUsage       = "stream_option" // usage at the end of a stream
)

// words tell from an endpoint's refusal which feature it is about, the most
// telling first.
var words = []struct{ word, feature string }{
	{"max_completion_tokens", FeatureTokens},
	{"max_tokens", FeatureTokens},
	{"stream_options", FeatureUsage},
	{"response_format", FeatureSchema},
	{"json_schema", FeatureSchema},
	{"output_config", FeatureSchema},
	{"output_format", FeatureSchema},
	{"structured output", FeatureSchema},
	{"temperature", FeatureTemperature},
	{"seed", FeatureSeed},
}

type quirk struct{ model, feature string }

// Lacks reports whether a model is known not to take a feature.
func (q *Quirks) Lacks(model, feature string) bool {
	_, lacks := q.byModel.Load(quirk{model, feature})
	return lacks
}

// Learn reads a refusal (400 or 422) of a request that used the given
// features, and reports whether it taught something: then the request is worth
// sending again without that.
func (q *Quirks) Learn(model string, up Upstream, used ...string) bool {
	if up.Status != 400 && up.Status != 422 {
		return false
	}
	said := strings.ToLower(up.Message)
	for _, each := range words {
		if !strings.Contains(said, each.word) {
			continue
		}
		for _, feature := range used {
			if feature == each.feature {
				_, known := q.byModel.LoadOrStore(quirk{model, feature}, true)
				return !known
			}
		}
	}
	return false
}
