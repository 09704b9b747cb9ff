package sql_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/sql"
	"github.com/chainwright/chainwright/executors/strictjson"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client calls the executor as the registry does: validated inputs, JSON
// output.
type client struct {
	executor *sql.Executor
	policy   *policy.Policy
}

func newClient(t testing.TB, config policy.Config) *client {
	t.Helper()
	pol, err := policy.New(config)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{sql.New(), pol}
	t.Cleanup(func() {
		if err := c.executor.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
		if err := pol.Close(); err != nil {
			t.Errorf("closing the policy: %v", err)
		}
	})
	return c
}

func connections(list map[string]policy.Connection) policy.Config {
	return policy.Config{Connections: list}
}

func (c *client) call(ctx context.Context, t testing.TB, inputs map[string]any) (json.RawMessage, error) {
	t.Helper()
	raw, err := json.Marshal(inputs)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := strictjson.DecodeObject(raw)
	if err != nil {
		t.Fatal(err)
	}
	filled, violations := c.executor.Definition().Input.Apply(decoded)
	if len(violations) > 0 {
		t.Fatalf("%s: %v", raw, violations)
	}
	out, err := c.executor.Execute(ctx, &executors.Call{Inputs: filled, Policy: c.policy})
	if err != nil {
		return nil, err
	}
	result, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	value, err := strictjson.Decode(result)
	if err != nil {
		t.Fatalf("output %.300s: %v", result, err)
	}
	if violations := c.executor.Definition().Output.Validate(value); len(violations) > 0 {
		t.Fatalf("output %.300s: %v", result, violations)
	}
	return result, nil
}

// answer is a decoded output.
type answer struct {
	Rows    []json.RawMessage
	Columns []struct{ Name, Type string }
	Count   int
	Changed int64 `json:"rows_affected"`
	Cut     bool  `json:"truncated"`
}

func (c *client) query(t testing.TB, connection, query string, params any) (answer, error) {
	t.Helper()
	return c.do(t, map[string]any{"connection": connection, "query": query, "params": params})
}

func (c *client) write(t testing.TB, connection, query string, params any) (answer, error) {
	t.Helper()
	return c.do(t, map[string]any{"connection": connection, "query": query, "params": params, "mode": "write"})
}

func (c *client) do(t testing.TB, inputs map[string]any) (a answer, err error) {
	t.Helper()
	if inputs["params"] == nil {
		delete(inputs, "params")
	}
	raw, err := c.call(context.Background(), t, inputs)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		t.Fatal(err)
	}
	return a, nil
}

// rows returns the rows as one text.
func rows(a answer) string {
	raw, _ := json.Marshal(a.Rows)
	return string(raw)
}

func must(t testing.TB) func(answer, error) answer {
	return func(a answer, err error) answer {
		t.Helper()
		if err != nil {
			t.Fatalf("%v %+v", err, executors.AsError(err))
		}
		return a
	}
}

// failure is an error as callers see it.
func failure(t testing.TB, err error) *executors.Error {
	t.Helper()
	if err == nil {
		t.Fatal("there is no error")
	}
	var typed *executors.Error
	if !errors.As(err, &typed) {
		typed = executors.AsError(err)
	}
	return typed
}
