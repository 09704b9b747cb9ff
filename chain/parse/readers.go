package parse

import (
	"iter"
	"slices"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
)

// reader is a field of a task that can hold references.
type reader struct {
	name  string
	reads *expr.Reads
	refs  iter.Seq2[string, *expr.Reads]
}

// first returns the path of the first reference that matches.
func (r reader) first(match func(*expr.Reads) bool) string {
	for path, reads := range r.refs {
		if match(reads) {
			return chain.Under(r.name, path)
		}
	}
	return r.name
}

// places returns the path of the first reference to each name. of lists the names
// of a reference.
func (r reader) places(of func(*expr.Reads, func(name string))) map[string]string {
	paths := map[string]string{}
	for path, reads := range r.refs {
		of(reads, func(name string) {
			if _, ok := paths[name]; !ok {
				paths[name] = chain.Under(r.name, path)
			}
		})
	}
	return paths
}

func taskNames(reads *expr.Reads, name func(string)) {
	for _, ref := range reads.Tasks {
		name(ref.Task)
	}
}

func runInputs(reads *expr.Reads, name func(string)) {
	for _, input := range slices.Concat(reads.Inputs, reads.OptionalInputs) {
		name(input)
	}
}

func secretNames(reads *expr.Reads, name func(string)) {
	for _, secret := range reads.Secrets {
		name(secret)
	}
}

func (p *parser) readers(i int) []reader {
	t := &p.tree.Tasks[i]
	list := make([]reader, 0, 3)
	if t.ForEach != nil {
		list = append(list, reader{"for_each", t.ForEach.Reads(), t.ForEach.References()})
	}
	if t.When != nil {
		list = append(list, reader{"when", t.When.Reads(), t.When.References()})
	}
	return append(list, reader{"inputs", t.Inputs.Reads(), t.Inputs.References()})
}
