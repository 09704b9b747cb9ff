package fan_test

import (
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/fan"
)

// TestTally follows what happens to elements: the counts are those of the latest
// states, whatever came before.
func TestTally(t *testing.T) {
	t.Parallel()
	set := func(index int, state chain.State) func(*fan.Tally) {
		return func(t *fan.Tally) { t.Set(index, state) }
	}
	begin := func(of int) func(*fan.Tally) { return func(t *fan.Tally) { t.Start(of) } }
	again := func(anew bool) func(*fan.Tally) { return func(t *fan.Tally) { t.Reopen(anew) } }
	for name, test := range map[string]struct {
		steps []func(*fan.Tally)
		want  chain.ElementCounts
	}{
		"nothing":                        {},
		"begun":                          {[]func(*fan.Tally){begin(3)}, chain.ElementCounts{Of: 3}},
		"an old record":                  {[]func(*fan.Tally){begin(0), set(1, chain.Completed)}, chain.ElementCounts{Done: 1}},
		"one of each":                    {[]func(*fan.Tally){begin(4), set(3, chain.Completed), set(0, chain.Failed), set(1, chain.InProgress)}, chain.ElementCounts{Done: 2, Failed: 1, Of: 4}},
		"a failed attempt, then success": {[]func(*fan.Tally){begin(2), set(0, chain.InProgress), set(0, chain.Completed)}, chain.ElementCounts{Done: 1, Of: 2}},
		"skipped and cancelled":          {[]func(*fan.Tally){begin(2), set(0, chain.Skipped), set(1, chain.Cancelled)}, chain.ElementCounts{Done: 2, Of: 2}},
		"a retry keeps what completed":   {[]func(*fan.Tally){begin(3), set(0, chain.Completed), set(1, chain.Failed), again(false), begin(3)}, chain.ElementCounts{Done: 1, Of: 3}},
		"and then succeeds":              {[]func(*fan.Tally){begin(2), set(0, chain.Completed), set(1, chain.Failed), again(false), set(1, chain.Completed)}, chain.ElementCounts{Done: 2, Of: 2}},
		"from the beginning":             {[]func(*fan.Tally){begin(3), set(0, chain.Completed), again(true), begin(5)}, chain.ElementCounts{Of: 5}},
	} {
		tally := &fan.Tally{}
		for _, step := range test.steps {
			step(tally)
		}
		got := tally.Counts()
		if got == nil {
			got = &chain.ElementCounts{}
		}
		if *got != test.want {
			t.Errorf("%s: %+v, want %+v", name, *got, test.want)
		}
	}
}
