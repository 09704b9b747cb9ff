package step

import (
	"iter"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/shorten"
)

// Explain adds to a validation error about an input the references that the input
// came from.
func Explain(t *chain.Task, err *executors.Error) *executors.Error {
	if err == nil || err.Type != executors.ValidationError || err.Field == "" {
		return err
	}
	from := origin(t.Inputs.Expressions, err.Field)
	if from == "" || strings.Contains(err.Message, "; it comes from ") {
		return err
	}
	explained := *err
	explained.Message += from
	return &explained
}

// origin returns a text that names the references at a path, below it or above it;
// empty if there are none.
func origin(expressions func() iter.Seq[expr.Expression], path string) string {
	const most, longest = 3, 80
	var names []string
	total := 0
	for e := range expressions() {
		if !covers(e.Path, path) && !covers(path, e.Path) {
			continue
		}
		if total++; total <= most {
			names = append(names, expr.Mark+" "+shorten.Bytes(e.Source, longest)+" }}")
		}
	}
	if total == 0 {
		return ""
	}
	return "; it comes from " + shorten.Names(names, total)
}

// covers reports whether a path is another one, or leads to it.
func covers(path, other string) bool {
	rest, ok := strings.CutPrefix(other, path)
	return ok && (path == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
}
