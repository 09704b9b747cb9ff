package executors_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

// echoing returns its input json.
func echoing(t testing.TB) *executors.Registry {
	return newRegistry(t, policy.Config{}, nil, newAct(t, "act", func(_ context.Context, call *executors.Call) (any, error) {
		return map[string]any{"json": call.Inputs["json"]}, nil
	}))
}

// Strings that break programs are only strings here: as a value, as a key, as
// an id, and as the complete inputs.
func TestNaughtyStrings(t *testing.T) {
	t.Parallel()
	registry := echoing(t)
	for _, text := range peers.NaughtyStrings(t) {
		if _, err := registry.ResolveInputs("act", []byte(text)); err == nil && text != "" {
			t.Errorf("%q is taken for inputs", text)
		}
		if out := registry.Invoke(t.Context(), text, &executors.Call{}, 0); out.Err == nil || !utf8.ValidString(out.Err.Message) {
			t.Errorf("%q as an id: %s", text, describe(out))
		}
		if !utf8.ValidString(text) {
			continue
		}
		for _, value := range []any{text, map[string]any{text: text}} {
			inputs, err := json.Marshal(map[string]any{"url": "a", "json": value})
			if err != nil {
				t.Fatal(err)
			}
			resolved, invalid := registry.ResolveInputs("act", inputs)
			if invalid != nil {
				t.Errorf("%q: %v", text, invalid)
				continue
			}
			out := registry.Invoke(t.Context(), "act", &executors.Call{Inputs: resolved}, 0)
			var got struct{ JSON any }
			if err := json.Unmarshal(out.Result, &got); err != nil {
				t.Errorf("%q: %v", text, err)
				continue
			}
			want, _ := json.Marshal(value)
			if back, _ := json.Marshal(got.JSON); string(back) != string(want) {
				t.Errorf("%s came back as %s", want, back)
			}
		}
	}
}

// Inputs that are not JSON are refused with one clear error, and JSON is passed
// on unchanged.
func TestJSONSuite(t *testing.T) {
	t.Parallel()
	registry := echoing(t)
	for _, text := range peers.JSONTexts(t) {
		inputs, invalid := registry.ResolveInputs("act", json.RawMessage(`{"url": "a", "json": `+string(text.Data)+`}`))
		if invalid != nil {
			if invalid.Type != executors.ValidationError || !utf8.ValidString(invalid.Message) || len(invalid.Message) > 400 {
				t.Errorf("%s: %v", text.Name, invalid)
			}
			continue
		}
		if strings.HasPrefix(text.Name, "n_") {
			t.Errorf("%s is accepted", text.Name)
		}
		if out := registry.Invoke(t.Context(), "act", &executors.Call{Inputs: inputs}, 0); out.Err != nil || !json.Valid(out.Result) {
			t.Errorf("%s: %s", text.Name, describe(out))
		}
	}
}

func TestHostileInputs(t *testing.T) {
	t.Parallel()
	registry := echoing(t)
	for name, raw := range map[string]string{
		"10,000 levels of arrays":  `{"url": "a", "json": ` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`,
		"10,000 levels of objects": strings.Repeat(`{"json":`, 10_000),
		"a huge exponent":          `{"url": "a", "retries": 1e10000000}`,
		"a long number":            `{"url": "a", "retries": ` + strings.Repeat("9", 1_000_000) + `}`,
		"a long key":               `{"url": "a", "` + strings.Repeat("k", 1_000_000) + `": 1}`,
		"a long value":             `{"url": "a", "method": "` + strings.Repeat("v", 1_000_000) + `"}`,
		"many unknown keys":        `{"url": "a"` + manyKeys(10_000) + `}`,
	} {
		_, err := registry.ResolveInputs("act", json.RawMessage(raw))
		if err == nil || err.Type != executors.ValidationError || len(err.Message)+len(err.Field)+len(err.Hint) > 2000 {
			t.Errorf("%s: %.300s", name, err)
		}
	}
}

func manyKeys(n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(`, "k` + strings.Repeat("x", i%50) + string(rune('a'+i%26)) + strings.Repeat("y", i/50) + `": 1`)
	}
	return text.String()
}
