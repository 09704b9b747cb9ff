package tools_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func stack(t *testing.T, opts ...toolstest.Option) *toolstest.Stack {
	t.Helper()
	return closing(t)(toolstest.New(opts...))
}

// set builds the tools of the built-in executors, without the test's own.
func set(t *testing.T, cfg policy.Config, change func(*tools.Options)) *tools.Set {
	t.Helper()
	return closing(t)(toolstest.Everything(cfg, change)).Set
}

func closing(t *testing.T) func(*toolstest.Stack, error) *toolstest.Stack {
	return func(made *toolstest.Stack, err error) *toolstest.Stack {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := made.Close(); err != nil {
				t.Error(err)
			}
		})
		return made
	}
}

// opened opens every built-in executor.
func opened(t *testing.T) policy.Config {
	t.Helper()
	cfg, err := toolstest.Opened(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
