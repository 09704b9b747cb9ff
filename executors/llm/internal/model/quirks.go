package model

import (
	"strings"
	"sync"
)

// Quirks remembers which features the models of an endpoint do not support. The
// zero value is empty.
type Quirks struct{ byModel sync.Map }

// Features that not every model supports.
const (
	FeatureSchema      = "schema"
	FeatureTemperature = "temperature"
	FeatureSeed        = "seed"
	FeatureTokens      = "tokens"        // the first name tried for the token limit
	FeatureUsage       = "stream_option" // usage at the end of a stream
)

// words map parts of an error message to the feature that it is about, the most
// specific first.
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

// Lacks reports whether a model is known not to support a feature.
func (q *Quirks) Lacks(model, feature string) bool {
	_, lacks := q.byModel.Load(quirk{model, feature})
	return lacks
}

// Learn reads an error response (400 or 422) to a request with the given
// features. It reports whether it found a new unsupported feature; then the
// request can be sent again without it.
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
