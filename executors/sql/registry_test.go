package sql_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/sql"
)

// TestThroughTheRegistry checks that the registry applies policy and timeouts.
func TestThroughTheRegistry(t *testing.T) {
	t.Parallel()
	file := sqliteFile(t)
	open := func(config policy.Config) *executors.Registry {
		t.Helper()
		pol, err := policy.New(config)
		if err != nil {
			t.Fatal(err)
		}
		registry, err := executors.NewRegistry(pol, zerolog.Nop(), sql.New())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := registry.Close(); err != nil {
				t.Error(err)
			}
			_ = pol.Close()
		})
		return registry
	}
	invoke := func(r *executors.Registry, inputs string, timeout time.Duration) executors.Outcome {
		t.Helper()
		resolved, bad := r.ResolveInputs("db_query", json.RawMessage(inputs))
		if bad != nil {
			t.Fatal(bad)
		}
		return r.Invoke(context.Background(), "db_query", &executors.Call{Inputs: resolved}, timeout)
	}
	orders := map[string]policy.Connection{"orders": {Kind: "sqlite", DSN: file, Write: true}}
	const count, change = `{"connection":"orders","query":"select count(*) as n from orders"}`, `{"connection":"orders","query":"delete from orders","mode":"write"}`

	got := invoke(open(policy.Config{Connections: orders}), count, time.Minute)
	if got.Err != nil || !strings.Contains(string(got.Result), `"rows":[{"n":3}]`) {
		t.Errorf("got %s, %+v", got.Result, got.Err)
	}
	if got := invoke(open(policy.Config{}), count, time.Minute); got.Err == nil || got.Err.Type != executors.PermissionDenied {
		t.Errorf("closed: %+v", got.Err)
	}
	reading := open(policy.Config{Connections: orders, ReadOnly: true})
	if got := invoke(reading, change, time.Minute); got.Err == nil || got.Err.Type != executors.PermissionDenied {
		t.Errorf("read-only: %+v", got.Err)
	}
	endless := `{"connection":"orders","query":"with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n"}`
	if got := invoke(reading, endless, 100*time.Millisecond); got.Err == nil || got.Err.Type != executors.TimeoutError {
		t.Errorf("endless: %+v", got.Err)
	}
}
