package tasktree_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/tasktree"
)

// Saving a tree needs a scope of its own; planning does not.
func TestSavingNeedsAScope(t *testing.T) {
	t.Parallel()
	var scoped tools.Scoped = tasktree.New(tasktree.Options{})
	for inputs, want := range map[string][]string{
		``: nil, `{}`: nil, `{"requirement":"x"}`: nil, `{"save":false}`: nil, `{"save":null}`: nil,
		`{"save":true}`: {tools.ScopeTreesWrite}, `{"save":"name"}`: {tools.ScopeTreesWrite}, `{"mode":"run","save":true}`: {tools.ScopeTreesWrite},
	} {
		if got := scoped.Scopes(json.RawMessage(inputs)); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", inputs, got, want)
		}
	}
}
