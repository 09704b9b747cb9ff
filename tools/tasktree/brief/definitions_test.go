package brief

import (
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
)

func definitions() []*executors.Definition {
	var defs []*executors.Definition
	for _, e := range builtin.All() {
		defs = append(defs, e.Definition())
	}
	return defs
}
