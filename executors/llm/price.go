package llm

import (
	_ "embed"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/lazyregexp"
)

//go:embed prices.yaml
var priceList []byte

var prices = sync.OnceValue(func() map[string]Price {
	var list map[string]Price
	if err := yaml.Unmarshal(priceList, &list); err != nil {
		panic("prices.yaml: " + err.Error())
	}
	return list
})

// version is what makers put behind the name of a model.
var version = lazyregexp.New(`[-@](\d{4}-?\d{2}-?\d{2}|latest)$`)

// price finds what a model costs.
func (s *Settings) price(name string) (Price, bool) {
	for _, each := range []string{name, version().ReplaceAllString(name, "")} {
		if p, ok := s.Prices[each]; ok {
			return p, true
		}
		if p, ok := prices()[each]; ok {
			return p, true
		}
	}
	return Price{}, false
}

// of is the cost of usage.
func (p Price) of(u Usage) float64 {
	fresh := u.InputTokens - u.CachedTokens
	return (float64(fresh)*p.Input + float64(u.CachedTokens)*p.Cached + float64(u.OutputTokens)*p.Output) / 1e6
}
