package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Question is what a person is asked to agree to.
type Question struct {
	Message string
	// State is what the client of the newest revision has to bring back; empty
	// where the question is put within the call.
	State string
}

// Params are the parameters of the elicitation. There is no field to fill in:
// accepting it is the whole answer.
func (q *Question) Params() json.RawMessage {
	b := appendString([]byte(`{"message":`), q.Message)
	return append(b, `,"requestedSchema":{"type":"object","properties":{}}}`...)
}

const (
	// maxActs is how many acts are told of one by one.
	maxActs = 20
	// actRoom is how much of an act's inputs is shown where it is one of many,
	// and soleRoom where it is the only one.
	actRoom  = 300
	soleRoom = 2000
)

// act is one thing that may destroy something.
type act struct {
	task, executor string
	inputs         string // as JSON
	each           bool   // once for each element of a list
}

// question is what a call would do, and how that is called.
type question struct {
	about  string
	whole  string // what all of it hangs on: the tree
	inputs string // of the run, as JSON
	acts   []act
}

func aboutCall(def *executors.Definition, given json.RawMessage) *question {
	return &question{about: def.ID, acts: []act{{executor: def.ID, inputs: canonical(given)}}}
}

// aboutTasks finds the tasks of a tree that may destroy something.
func (s *Set) aboutTasks(ctx context.Context, tree *chain.Tree, inputs map[string]any, tasks []int, about string) *question {
	q := &question{}
	var sources []json.RawMessage
	for _, i := range tasks {
		t := &tree.Tasks[i]
		if !s.mayDestroy(ctx, t) {
			continue
		}
		if sources == nil {
			sources = sourcesOf(tree)
		}
		one := act{task: t.ID, executor: t.Executor, each: t.ForEach != nil}
		if i < len(sources) {
			one.inputs = string(sources[i])
		}
		q.acts = append(q.acts, one)
	}
	if len(q.acts) == 0 {
		return q
	}
	q.about, q.whole = about, tree.Hash()
	if tree.Name != "" && about == "a task tree" {
		q.about += fmt.Sprintf(" (%s)", cut(tree.Name, 100))
	}
	if len(inputs) > 0 {
		q.inputs = written(inputs)
	}
	return q
}

// mayDestroy reports whether a task may destroy something. What is not known
// before the run, since a reference decides it, counts as the worst that it
// could be.
func (s *Set) mayDestroy(ctx context.Context, t *chain.Task) bool {
	if !t.Definition.EffectOf(t.Inputs.Known()).Destructive {
		return false
	}
	inputs, static := t.Inputs.Static()
	if !static {
		return true
	}
	inputs, wrong := t.Definition.Complete(inputs)
	if len(wrong) > 0 {
		return true
	}
	tree, err := s.planned(ctx, t.Executor, inputs)
	if tree == nil || err != nil {
		return true
	}
	return slices.ContainsFunc(all(tree), func(i int) bool { return s.mayDestroy(ctx, &tree.Tasks[i]) })
}

// Planned is an executor that runs a tree which its inputs alone decide: it
// destroys what that tree does, whatever its definition says of the worst.
type Planned interface {
	Plan(ctx context.Context, inputs map[string]any) (*chain.Tree, error)
}

// planned is the tree that an executor would run; nil where it is not Planned.
func (s *Set) planned(ctx context.Context, id string, inputs map[string]any) (*chain.Tree, error) {
	found, ok := s.opts.Registry.Lookup(id)
	if !ok {
		return nil, nil
	}
	if each, ok := found.(Planned); ok {
		return each.Plan(ctx, inputs)
	}
	return nil, nil
}

func all(tree *chain.Tree) []int {
	list := make([]int, len(tree.Tasks))
	for i := range list {
		list[i] = i
	}
	return list
}

// sourcesOf gives the inputs of a tree's tasks as they were written.
func sourcesOf(tree *chain.Tree) []json.RawMessage {
	type task struct {
		Inputs json.RawMessage `json:"inputs"`
	}
	var list []task
	if json.Unmarshal(tree.Source(), &list) != nil {
		var object struct {
			Tasks []task `json:"tasks"`
		}
		if json.Unmarshal(tree.Source(), &object) != nil {
			return nil
		}
		list = object.Tasks
	}
	sources := make([]json.RawMessage, len(list))
	for i := range list {
		sources[i] = list[i].Inputs
	}
	return sources
}

// subject stands for all of what is asked about, also what is not shown.
func (q *question) subject() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %q", q.about, q.whole, q.inputs)
	for _, a := range q.acts {
		fmt.Fprintf(sum, " %q %q %q", a.task, a.executor, a.inputs)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// text is the question in words. What comes from the caller stands on one
// line, as JSON, so that it can't pass for words of this server's.
func (q *question) text(redact func(string) string) string {
	var b strings.Builder
	room := actRoom
	switch first := q.acts[0]; {
	case first.task == "":
		room = soleRoom
		fmt.Fprintf(&b, "Run %s? It may change or delete what can't be brought back.\n", q.about)
	case len(q.acts) == 1:
		room = soleRoom
		fmt.Fprintf(&b, "Run %s? One task may change or delete what can't be brought back:\n", line(q.about))
	default:
		fmt.Fprintf(&b, "Run %s? %d tasks may change or delete what can't be brought back:\n", line(q.about), len(q.acts))
	}
	for _, a := range q.acts[:min(len(q.acts), maxActs)] {
		if a.task != "" {
			fmt.Fprintf(&b, "- %s, %s", line(cut(a.task, 100)), a.executor)
			if a.each {
				b.WriteString(", for each element of a list")
			}
			b.WriteString(": ")
		}
		b.WriteString(line(abridged(redact(a.inputs), room)) + "\n")
	}
	if more := len(q.acts) - maxActs; more > 0 {
		fmt.Fprintf(&b, "- and %d more, of %s\n", more, strings.Join(q.executorsFrom(maxActs), ", "))
	}
	if q.inputs != "" {
		fmt.Fprintf(&b, "Inputs of the run: %s\n", line(abridged(redact(q.inputs), soleRoom)))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// executors are the executors of all acts, each once.
func (q *question) executors() []string { return q.executorsFrom(0) }

func (q *question) executorsFrom(from int) []string {
	named := map[string]bool{}
	for _, a := range q.acts[from:] {
		named[a.executor] = true
	}
	return slices.Sorted(maps.Keys(named))
}

// abridged shortens a text in its middle: what matters may be at either end.
func abridged(s string, room int) string {
	if len(s) <= room {
		return s
	}
	head, tail := boundary(s, room*2/3), boundary(s, len(s)-room/3)
	return fmt.Sprintf("%s … %d characters more … %s", s[:head], len([]rune(s[head:tail])), s[tail:])
}

// line makes one line of a text, and shows what would change how the rest of
// the question looks.
func line(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// written is a value as JSON with sorted keys.
func written(v any) string {
	raw, err := encode(v)
	if err != nil {
		return fmt.Sprintf("%v", v)
	}
	return string(raw)
}

// canonical is a call's arguments in one way of writing. What can't be read
// is refused before anybody is asked about it.
func canonical(arguments json.RawMessage) string {
	args, err := strictjson.DecodeObject(arguments)
	if err != nil {
		return string(arguments)
	}
	return written(args)
}
