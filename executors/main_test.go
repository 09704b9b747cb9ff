package executors_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// act is an executor whose function is set by each test.
type act struct {
	def  *executors.Definition
	work func(context.Context, *executors.Call) (any, error)
}

func (a act) Definition() *executors.Definition { return a.def }

func (a act) Execute(ctx context.Context, call *executors.Call) (any, error) {
	return a.work(ctx, call)
}

// newAct returns an executor with the given id and the echo definition.
func newAct(t testing.TB, id string, work func(context.Context, *executors.Call) (any, error), replacements ...string) act {
	t.Helper()
	text := strings.NewReplacer(append(replacements, "id: echo", "id: "+id)...).Replace(echoDefinition)
	def, err := executors.ParseDefinition(id+".yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return act{def, work}
}

// logged is a log that tests can read while it is written to.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newRegistry(t testing.TB, cfg policy.Config, log *logged, execs ...executors.Executor) *executors.Registry {
	t.Helper()
	pol, err := policy.New(cfg, policy.WithEnvironment(func(name string) (string, bool) {
		value, ok := map[string]string{"TOKEN": "s3cr3t-value-1", "OTHER": "an0ther-value-2", "PIN": "2026112100", "VERB": "PROPFIND"}[name]
		return value, ok
	}))
	if err != nil {
		t.Fatal(err)
	}
	logger := zerolog.Nop()
	if log != nil {
		logger = zerolog.New(log)
	}
	registry, err := executors.NewRegistry(pol, logger, execs...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := registry.Close(); err != nil {
			t.Error(err)
		}
		if err := pol.Close(); err != nil {
			t.Error(err)
		}
	})
	return registry
}

// describe returns an outcome in one line.
func describe(out executors.Outcome) string {
	if out.Err == nil {
		return string(out.Result)
	}
	line := fmt.Sprintf("%s: %s", out.Err.Type, out.Err.Message)
	if out.Err.Field != "" {
		line += " [" + out.Err.Field + "]"
	}
	if out.Err.Hint != "" {
		line += " (" + out.Err.Hint + ")"
	}
	if out.Err.Retryable {
		line += " retryable"
	}
	if out.Result != nil {
		line += " with " + string(out.Result)
	}
	return line
}
