package llm

import (
	_ "embed"
	"regexp"
	"sync"

	"go.yaml.in/yaml/v3"
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

// version matches the version suffix of a model's name.
var version = regexp.MustCompile(`[-@](\d{4}-?\d{2}-?\d{2}|latest)$`)

// price returns the price of a model.
func (s *Settings) price(name string) (Price, bool) {
	for _, each := range []string{name, version.ReplaceAllString(name, "")} {
		if p, ok := s.Prices[each]; ok {
			return p, true
		}
		if p, ok := prices()[each]; ok {
			return p, true
		}
	}
	return Price{}, false
}

// of returns the cost of usage in US dollars.
func (p Price) of(u Usage) float64 {
	fresh := u.InputTokens - u.CachedTokens
	return (float64(fresh)*p.Input + float64(u.CachedTokens)*p.Cached + float64(u.OutputTokens)*p.Output) / 1e6
}
