package parse

import (
	"unicode/utf8"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/expr"
)

// MaxOutputs is the largest number of outputs of a tree.
const MaxOutputs = 1000

// outputs compiles the outputs of the tree.
func (p *parser) outputs(v any) {
	if v == nil {
		return
	}
	object, ok := v.(map[string]any)
	if !ok {
		p.problem(-1, "outputs", chain.CodeWrongType, `outputs by name: {"total": "${{ tasks.sum.result.result }}"}`, "must be an object; got %s", describeKind(v))
		return
	}
	if len(object) > MaxOutputs {
		p.problem(-1, "outputs", chain.CodeTooLarge, "an output can be an object", "there are %d outputs; at most %d are allowed", len(object), MaxOutputs)
		return
	}
	for _, name := range sortedKeys(object) {
		path := field("outputs", name)
		switch n := utf8.RuneCountInString(name); {
		case n == 0:
			p.problem(-1, path, chain.CodeOutOfRange, "", "the name of an output must have at least one character")
		case n > MaxName:
			p.problem(-1, path, chain.CodeTooLong, "", "the name has %d characters; at most %d are allowed", n, MaxName)
		}
		p.tree.Outputs = append(p.tree.Outputs, chain.Output{Name: name, Value: p.value(-1, path, object[name])})
		p.plainText(-1, path, object[name], false)
	}
}

// outputReads checks what the outputs read.
func (p *parser) outputReads() {
	for _, out := range p.tree.Outputs {
		r := reader{field("outputs", out.Name), out.Value.Reads(), out.Value.References()}
		p.inputNames(-1, r)
		p.runFacts(-1, r)
		if r.reads.Item || r.reads.Index {
			path := r.first(func(reads *expr.Reads) bool { return reads.Item || reads.Index })
			p.problemAt(-1, path, chain.CodeNoElement, "read the result of a task with for_each: it is an array", "item and index exist only in a task with for_each")
		}
		var paths map[string]spot
		for _, ref := range r.reads.Tasks {
			task, ok := p.tree.Lookup(ref.Task)
			if ok && task != chain.Ambiguous && p.mayRead(-1, task) {
				continue
			}
			if paths == nil {
				paths = r.places(taskNames)
			}
			if task, ok = p.resolve(-1, paths[ref.Task], chain.CodeUnknownReference, ref.Task); ok {
				p.notYet(-1, paths[ref.Task], task)
			}
		}
	}
}
