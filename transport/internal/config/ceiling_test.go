package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The default ceilings of the models hold until the operator sets one of them.
// An unapproved file can only lower them.
func TestTheCeilingsOfModels(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		own, found string
		env        []string
		cost       float64
		tokens     int
	}{
		"defaults":                      {cost: 1, tokens: 1_000_000},
		"another setting":               {own: "llm: {model: m}", cost: 1, tokens: 1_000_000},
		"a cost":                        {own: "llm: {max_cost_usd: 5}", cost: 5},
		"tokens":                        {own: "llm: {max_tokens_total: 7}", tokens: 7},
		"both":                          {own: "llm: {max_cost_usd: 5, max_tokens_total: 7}", cost: 5, tokens: 7},
		"none":                          {own: "llm: {max_cost_usd: 0}"},
		"by variable":                   {env: []string{"CHAINWRIGHT_LLM_MAX_TOKENS_TOTAL=7"}, tokens: 7},
		"no limit of tokens":            {env: []string{"CHAINWRIGHT_LLM_MAX_TOKENS_TOTAL=0"}},
		"an unapproved file lowers":     {found: "llm: {max_cost_usd: 0.5}", cost: 0.5, tokens: 1_000_000},
		"an unapproved file raises":     {found: "llm: {max_cost_usd: 5, max_tokens_total: 2000000}", cost: 1, tokens: 1_000_000},
		"an unapproved file and none":   {found: "llm: {max_cost_usd: 0, max_tokens_total: 0}", cost: 1, tokens: 1_000_000},
		"an unapproved file and a cost": {own: "llm: {max_cost_usd: 5}", found: "llm: {max_tokens_total: 7}", cost: 5, tokens: 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			if c.own != "" {
				m.own(c.own)
			}
			if c.found != "" {
				m.here(c.found)
			}
			m.env = append(m.env, c.env...)
			l, err := m.load(nil)
			require.NoError(t, err)
			require.InDelta(t, c.cost, l.LLM.MaxCostUSD, 0)
			require.Equal(t, c.tokens, l.LLM.MaxTokensTotal)
		})
	}
}
