package executors_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestFullAuditTrail: when the kept audit trail has no room, calls that need a
// line of their own are refused, and calls that only read go on.
func TestFullAuditTrail(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	cfg := secretConfig()
	cfg.Audit = policy.Audit{Path: path, MaxBytes: 512 << 20}
	for _, name := range []string{"audit.kept.jsonl", "audit.kept.jsonl.1"} {
		file := filepath.Join(filepath.Dir(path), name)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(file, cfg.Audit.MaxBytes); err != nil {
			t.Fatal(err)
		}
	}
	pol, err := policy.New(cfg, policy.WithEnvironment(func(string) (string, bool) { return "s3cr3t-value-1", true }))
	if err != nil {
		t.Fatal(err)
	}
	defer pol.Close()
	registry, err := executors.NewRegistry(pol, zerologNop(), newAct(t, "act", func(context.Context, *executors.Call) (any, error) { return "done", nil }))
	if err != nil {
		t.Fatal(err)
	}
	call := func(inputs map[string]any) executors.Outcome {
		return registry.Invoke(t.Context(), "act", &executors.Call{Inputs: inputs, Attempt: 1}, 0)
	}
	write := map[string]any{"url": "https://api.example.com/", "method": "PUT"}
	if outcome := call(write); outcome.Err != nil {
		t.Fatal(outcome.Err)
	}
	executortest.Await(t, "the full trail", pol.AuditFull)
	for name, c := range map[string]struct {
		inputs  map[string]any
		refused bool
	}{
		"read":        {map[string]any{"url": "https://api.example.com/", "method": "GET"}, false},
		"write":       {write, true},
		"read secret": {map[string]any{"url": "https://api.example.com/", "method": "GET", "json": "${{ secrets.TOKEN }}"}, true},
	} {
		outcome := call(c.inputs)
		if refused := outcome.Err != nil && outcome.Err.Type == executors.PermissionDenied; refused != c.refused || outcome.Err != nil && !refused {
			t.Errorf("%s: %v", name, outcome.Err)
		}
	}
}
