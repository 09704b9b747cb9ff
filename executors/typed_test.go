package executors_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestNew(t *testing.T) {
	t.Parallel()
	def := newAct(t, "act", nil).def
	var got echoInput
	e := executors.New(def, func(_ context.Context, _ *executors.Call, in echoInput) (*echoOutput, error) {
		got = in
		switch in.Method {
		case "POST":
			return nil, errors.New("no luck")
		case "PUT":
			return &echoOutput{URL: "kept"}, errors.New("no luck")
		}
		return &echoOutput{Success: true, URL: in.URL}, nil
	})
	registry := newRegistry(t, policy.Config{}, nil, e)
	for _, c := range []struct{ raw, want string }{
		{`{"url": "a", "timeout": 1.5, "retries": 2.0, "json": [1], "headers": {"x": "y"}}`, `{"success":true,"url":"a"}`},
		{`{"url": "a", "method": "POST"}`, `execution_error: no luck`},
		{`{"url": "a", "method": "PUT"}`, `execution_error: no luck with {"success":false,"url":"kept"}`},
		{`{"url": "a", "retries": 1e30}`, `validation_error: retries is 1e30, which is out of the range of int [retries]`},
	} {
		inputs, err := registry.ResolveInputs("act", json.RawMessage(c.raw))
		if err != nil {
			t.Fatal(err)
		}
		if text := describe(registry.Invoke(t.Context(), "act", &executors.Call{Inputs: inputs}, 0)); text != c.want {
			t.Errorf("%s: got %s, want %s", c.raw, text, c.want)
		}
		if c.raw[8] == 'a' && got.Method == "GET" {
			want := echoInput{URL: "a", Method: "GET", Headers: map[string]string{"x": "y"}, Timeout: 1500 * time.Millisecond, Retries: 2, Verify: true, JSON: []any{json.Number("1")}}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("the inputs are %+v, want %+v", got, want)
			}
		}
	}
	if executors.InputType(e) != reflect.TypeFor[echoInput]() {
		t.Errorf("the type of the inputs is %v", executors.InputType(e))
	}
}

// A zero output with an error is no output: authors return it because they must
// return a value.
func TestNewZeroOutput(t *testing.T) {
	t.Parallel()
	e := executors.New(newAct(t, "act", nil).def, func(_ context.Context, _ *executors.Call, in map[string]any) (echoOutput, error) {
		return echoOutput{}, executors.Errorf(executors.NotFound, "%v is not there", in["url"])
	})
	registry := newRegistry(t, policy.Config{}, nil, e)
	if got := describe(registry.Invoke(t.Context(), "act", &executors.Call{Inputs: map[string]any{"url": "a"}}, 0)); got != "not_found: a is not there" {
		t.Error(got)
	}
}

func TestNewRefusesTypes(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("an executor takes inputs that no JSON goes into")
		}
	}()
	executors.New(newAct(t, "act", nil).def, func(context.Context, *executors.Call, struct{ C chan int }) (any, error) { return nil, nil })
}

func TestAsError(t *testing.T) {
	t.Parallel()
	typed := executors.Errorf(executors.NotFound, "not there")
	for name, c := range map[string]struct {
		err  error
		want executors.ErrorType
	}{
		"typed":    {errors.Join(errors.New("x"), typed), executors.NotFound},
		"denied":   {&policy.Denied{Message: "no"}, executors.PermissionDenied},
		"deadline": {context.DeadlineExceeded, executors.TimeoutError},
		"canceled": {context.Canceled, executors.Cancelled},
		"other":    {errors.New("x"), executors.ExecutionError},
	} {
		if got := executors.AsError(c.err); got.Type != c.want {
			t.Errorf("%s: %s, want %s", name, got.Type, c.want)
		}
	}
	if executors.AsError(nil) != nil {
		t.Error("nil is an error")
	}
	cause := errors.New("cause")
	if err := executors.Errorf(executors.NetworkError, "dialling: %w", cause); !errors.Is(err, cause) || err.Error() != "dialling: cause" {
		t.Error(err)
	}
}
