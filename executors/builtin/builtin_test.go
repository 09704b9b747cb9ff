package builtin_test

import (
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The definitions of the built-in executors follow the rules, and their examples
// fit their schemas. Tests in transport/endtoend run all examples.
func TestDefinitions(t *testing.T) {
	t.Parallel()
	all := builtin.All()
	executortest.Registry(t, nil, all...) // all ids are different
	for _, e := range all {
		t.Run(e.Definition().ID, func(t *testing.T) {
			executortest.Check(t, e)
			if def := e.Definition(); !def.Input.Quick() || !def.Output.Quick() {
				t.Error("a schema has keywords that slow down the start and every call")
			}
		})
	}
}

// The read-only form of each schema compiles, and refuses calls that change
// something.
func TestReadOnlyInput(t *testing.T) {
	t.Parallel()
	for _, e := range builtin.All() {
		def := e.Definition()
		raw, ok := def.ReadOnlyInput()
		if !ok {
			continue
		}
		narrowed, err := executors.CompileSchema(def.ID, raw)
		if err != nil {
			t.Errorf("%s: %v", def.ID, err)
			continue
		}
		for _, effect := range def.Effects {
			for name, values := range effect.When {
				for _, value := range values {
					allowed := slices.ContainsFunc(narrowed.Enum(name), func(each any) bool { return each == value })
					if allowed != effect.ReadOnly {
						t.Errorf("%s: %s: %v is allowed: %v, and read-only: %v", def.ID, name, value, allowed, effect.ReadOnly)
					}
				}
			}
		}
	}
}

func BenchmarkAll(b *testing.B) {
	for b.Loop() {
		builtin.All()
	}
}
