package tools

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
)

// For results of all kinds, the envelope is one JSON object with the fields
// that apply, and never too long.
func TestEncode(t *testing.T) {
	t.Parallel()
	rest := &Next{Tool: GetRun, Arguments: map[string]any{"run_id": "r", "offset": 0}}
	for name, c := range map[string]struct {
		res  Result
		want string
	}{
		"a value": {
			Result{Status: "completed", Result: json.RawMessage(`{"a":"<b>&"}`), RunID: "r", DurationMS: 1.5, Rest: rest},
			`{"status":"completed","result":{"a":"<b>&"},"run_id":"r","duration_ms":1.5}`,
		},
		"a failure": {
			Result{Status: "failed", Err: executors.Errorf(executors.NetworkError, "no\nanswer").WithField("url").WithHint("h").WithCode("502")},
			`{"status":"failed","error":"no\nanswer","error_type":"network_error","error_code":"502","field":"url","hint":"h","duration_ms":0}`,
		},
		"warnings and what comes next": {
			Result{Status: "in_progress", RunID: "r", Warnings: []string{"one", "two"}, Next: rest},
			`{"status":"in_progress","run_id":"r","duration_ms":0,"warnings":["one","two"],"next":{"tool":"get_run","arguments":{"offset":0,"run_id":"r"}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := string(c.res.Encode()); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// A result within the limit is complete. A longer one is replaced by a preview
// and the call that reads it.
func TestEncodeIsBounded(t *testing.T) {
	t.Parallel()
	rest := &Next{Tool: GetRun, Arguments: map[string]any{"run_id": "r", "offset": 0}}
	for _, unit := range []string{"x", `\"`, "é", "→", `\n`} {
		for size := MaxResult - 200; size <= MaxResult+50; size++ {
			text := strings.Repeat(unit, size/len(unit))
			res := Result{Status: "completed", Result: json.RawMessage(`"` + text + `"`), RunID: "r", Rest: rest}
			raw := res.Encode()
			if len(raw) > MaxResult {
				t.Fatalf("%d bytes of %q gave %d", size, unit, len(raw))
			}
			var envelope struct {
				Result    *string
				Truncated bool
				Preview   string
				Next      *Next
			}
			if err := json.Unmarshal(raw, &envelope); err != nil {
				t.Fatalf("%d bytes of %q: %v", size, unit, err)
			}
			if whole := envelope.Result != nil; whole == envelope.Truncated || whole != (envelope.Next == nil) {
				t.Fatalf("%d bytes of %q: whole %v, truncated %v", size, unit, whole, envelope.Truncated)
			}
			if envelope.Truncated && (len(envelope.Preview) < previewSize/2 || envelope.Next.Tool != GetRun) {
				t.Fatalf("%d bytes of %q: the preview has %d bytes", size, unit, len(envelope.Preview))
			}
		}
	}
}

// The envelope fits with the largest value of every field at the same time.
func TestEncodeWorst(t *testing.T) {
	t.Parallel()
	awful := strings.Repeat("\x00", 100_000)
	res := Result{
		Status: "failed", Result: json.RawMessage(`"` + strings.Repeat("x", 100_000) + `"`), Preview: awful,
		Err: executors.Errorf(executors.ExecutionError, "%s", awful).WithField(awful).WithHint(awful).WithCode(awful),
	}
	for range 100 {
		res.Warnings = append(res.Warnings, awful)
	}
	raw := res.Encode()
	if !json.Valid(raw) {
		t.Fatalf("not JSON: %.200s", raw)
	}
	if len(raw) > MaxResult {
		t.Errorf("%d bytes", len(raw))
	}
}
