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
	refs  iter.Seq2[expr.Spot, *expr.Reads]
}

// under puts a reference below the name of a field.
func under(name string, at expr.Spot) spot {
	return spot{field: chain.Under(name, at.Path), nth: at.Mark}
}

// first returns the place of the first reference that matches.
func (r reader) first(match func(*expr.Reads) bool) spot {
	for at, reads := range r.refs {
		if match(reads) {
			return under(r.name, at)
		}
	}
	return spot{field: r.name}
}

// places returns the place of the first reference to each name. of lists the names
// of a reference.
func (r reader) places(of func(*expr.Reads, func(name string))) map[string]spot {
	places := map[string]spot{}
	for at, reads := range r.refs {
		of(reads, func(name string) {
			if _, ok := places[name]; !ok {
				places[name] = under(r.name, at)
			}
		})
	}
	return places
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
	if t.Approval != nil {
		list = append(list, reader{"approval.message", t.Approval.Message.Reads(), t.Approval.Message.References()})
	}
	if t.ForEach != nil {
		list = append(list, reader{"for_each", t.ForEach.Reads(), t.ForEach.References()})
	}
	if t.When != nil {
		list = append(list, reader{"when", t.When.Reads(), t.When.References()})
	}
	return append(list, reader{"inputs", t.Inputs.Reads(), t.Inputs.References()})
}
