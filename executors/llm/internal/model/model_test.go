package model

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, "0.25": 250 * time.Millisecond, "-1": 0, "soon": 0, "NaN": 0, "Inf": time.Hour, "1e300": time.Hour, "86400": time.Hour,
		"Sat, 21 Nov 2026 08:00:30 GMT": 30 * time.Second, "Sat, 21 Nov 2026 07:00:00 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %s, and not %s", value, got, want)
		}
	}
	both := http.Header{"Retry-After": {"2"}, "Retry-After-Ms": {"1500"}}
	if got := retryAfter(both, now); got != 1500*time.Millisecond {
		t.Errorf("milliseconds are more exact: %s", got)
	}
}

// TestStrict checks which schemas endpoints can enforce.
func TestStrict(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}`:                            true,
		`{"type":"object","properties":{"a":{"type":"array","items":{"type":"integer"}}},"required":["a"],"additionalProperties":false}`:  true,
		`{"type":"object","properties":{"a":{"type":["string","null"],"enum":["x",null]}},"required":["a"],"additionalProperties":false}`: true,
		`{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}`:                                             false,
		`{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}`:                                                         false,
		`{"type":"object","properties":{"a":{"type":"object"}},"required":["a"],"additionalProperties":false}`:                            false,
		`{"type":"object","properties":{"a":{"type":"string","minLength":1}},"required":["a"],"additionalProperties":false}`:              false,
		`{"type":"object","properties":{"a":{}},"required":["a"],"additionalProperties":false}`:                                           false,
		`{"type":"object"}`:             false,
		`{"anyOf":[{"type":"object"}]}`: false,
	} {
		s, err := NewSchema("reply", json.RawMessage(text))
		if err != nil {
			t.Fatal(err)
		}
		if s.Strict != want {
			t.Errorf("%s: strict is %v", text, s.Strict)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("Bearer abcdefgh", "key")
	f.Add("\xff\x00 sk-0123456789", "9")
	f.Fuzz(func(t *testing.T, text, key string) {
		if got := Clean(text, key); len(got) > longestSaid+len("…") {
			t.Errorf("%d bytes of %q", len(got), text)
		}
	})
}
