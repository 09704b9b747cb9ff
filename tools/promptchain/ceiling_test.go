package promptchain_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/chain/saved"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// askedTwice is a saved tree with two requests, and deeper one that runs it.
var askedTwice = fstest.MapFS{
	"asked.json": {Data: []byte(`{"name": "asked", "tasks": [
		{"id": "a", "executor": "llm_executor", "inputs": {"prompt": "a"}},
		{"id": "b", "executor": "llm_executor", "inputs": {"prompt": "b"}, "dependencies": ["a"]}]}`)},
	"deeper.json": {Data: []byte(`{"name": "deeper", "tasks": [{"id": "in", "executor": "tree/asked"}]}`)},
}

// run runs a tree to its end.
func (b *bench) run(tree string) *chain.RunView {
	b.t.Helper()
	parsed, report := parse.Parse([]byte(tree), b.reg, parse.Options{})
	if !report.Valid() {
		b.t.Fatal(report.Problems)
	}
	started, err := chain.Start(b.t.Context(), b.runner, parsed, chain.RunOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	return b.ended(started.ID)
}

func (b *bench) ended(run string) *chain.RunView {
	b.t.Helper()
	view, err := b.runner.Wait(b.t.Context(), run, "")
	if err != nil {
		b.t.Fatal(err)
	}
	return view
}

// A run and everything that its tasks start share one ceiling, here of three
// requests. Two runs do not.
func TestARunHasOneCeiling(t *testing.T) {
	t.Parallel()
	const ask = `{"executor": "llm_executor", "inputs": {"prompt": "x"}`
	for name, tree := range map[string]string{
		"one after the other": `[{"id":"a",` + ask[1:] + `}, {"id":"b","dependencies":["a"],` + ask[1:] + `}, {"id":"c","dependencies":["b"],` + ask[1:] + `}, {"id":"d","dependencies":["c"],` + ask[1:] + `}]`,
		"elements":            `[{"id":"a","for_each":[1,2,3,4,5],"max_parallel":1,` + ask[1:] + `}]`,
		"saved trees":         `[{"id":"a","executor":"tree/asked"}, {"id":"b","executor":"tree/asked","dependencies":["a"]}]`,
		"saved trees, deeper": `[{"id":"a","executor":"tree/deeper"}, {"id":"b","executor":"tree/deeper","dependencies":["a"]}]`,
		"elements of trees":   `[{"id":"a","executor":"tree/asked","for_each":[1,2,3],"max_parallel":1}]`,
		"chains":              `[{"id":"a","executor":"prompt_chain","inputs":{"input":"x","steps":["1","2"]}}, {"id":"b","executor":"prompt_chain","inputs":{"input":"x","steps":["1","2"]},"dependencies":["a"]}]`,
		"a gate's repeats":    `[{"id":"a","executor":"llm_executor","inputs":{"prompt":"x","gate":{"matches":"never","retries":5}}}]`,
		"a judge":             `[{"id":"a","executor":"llm_executor","inputs":{"prompt":"x","gate":{"judge":"good","retries":5}}}]`,
		"a chain and a tree":  `[{"id":"a","executor":"prompt_chain","inputs":{"input":"x","steps":["1","2"]}}, {"id":"b","executor":"tree/deeper","dependencies":["a"]}]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := limited(t, llmtest.Script{Otherwise: &llmtest.Step{Text: `{"passed": false, "reason": "bad"}`, Usage: &llmtest.Usage{Input: 60, Output: 40}}},
				llm.Settings{Model: "m", MaxTokensTotal: 300})
			b.reg.SetTrees(saved.Folder{FS: askedTwice, Log: zerolog.Nop()})
			view := b.run(tree)
			raw, err := json.Marshal(view)
			if err != nil {
				t.Fatal(err)
			}
			if view.Status != chain.Failed || b.model.Count() != 3 || !strings.Contains(string(raw), "300 of 300 tokens used in 3 requests (llm.max_tokens_total)") {
				t.Errorf("%s after %d requests: %s", view.Status, b.model.Count(), raw)
			}
			before := b.model.Count()
			if _, err := b.call(`{"input": "x", "steps": ["1", "2"]}`); err != nil || b.model.Count() != before+2 {
				t.Errorf("another call: %v, %d requests", err, b.model.Count()-before)
			}
		})
	}
}

// What was done before the ceiling is kept. A retry on the same server counts on
// from what was spent.
func TestWhatIsKeptAtTheCeiling(t *testing.T) {
	t.Parallel()
	b := limited(t, llmtest.Script{Otherwise: &llmtest.Step{Text: "hi", Usage: &llmtest.Usage{Input: 60, Output: 40}}}, llm.Settings{Model: "m", MaxTokensTotal: 200})
	out, failed := b.call(`{"input": "x", "steps": ["1", "2", "3"]}`)
	if failed == nil || strings.Join(out.Responses, "|") != "hi|hi" || out.Status != "failed" || out.Steps[1].Usage.InputTokens != 60 {
		t.Fatalf("%+v, %v", out, failed)
	}
	if _, err := chain.Retry(t.Context(), b.runner, out.RunID, nil, ""); err != nil {
		t.Fatal(err)
	}
	view := b.ended(out.RunID)
	if b.model.Count() != 2 || view.Status != chain.Failed {
		t.Errorf("%s after %d requests", view.Status, b.model.Count())
	}
}
