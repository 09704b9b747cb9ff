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
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Question is what a person is asked to agree to before a call starts.
type Question struct {
	Message string
	// Subject is a digest of everything that the question is about, including
	// what the message leaves out.
	Subject string
	// Form is the schema of what the person fills in; nil: nothing.
	Form json.RawMessage

	executors []string // each once
	// personOnly is set if the call is refused where no person can be asked,
	// whatever policy says. It is the reason, and otherwise is what to do then.
	personOnly, otherwise string
}

const (
	// maxActs is how many acts a question lists.
	maxActs = 20
	// actRoom is the number of bytes of inputs shown for one of several acts,
	// and soleRoom for a single act.
	actRoom  = 300
	soleRoom = 2000
)

// act is one thing that may destroy something.
type act struct {
	task, executor string
	inputs         string // as JSON
	each           bool   // once for each element of a list
}

// effects are the acts of a call.
type effects struct {
	about  string
	whole  string // the hash of the tree that the acts are a part of
	inputs string // of the run, as JSON
	acts   []act
}

// ask returns the question about a call's effects; nil if policy requires no
// confirmation of them.
func (s *Set) ask(e *effects) *Question {
	if len(e.acts) == 0 {
		return nil
	}
	return &Question{Message: e.text(s.redact), Subject: e.digest(), executors: e.executorsFrom(0)}
}

func (s *Set) aboutCall(def *executors.Definition, given json.RawMessage) *Question {
	return s.ask(&effects{about: def.ID, acts: []act{{executor: def.ID, inputs: canonical(given)}}})
}

// aboutTasks finds the tasks of a tree that may destroy something.
func (s *Set) aboutTasks(ctx context.Context, tree *chain.Tree, inputs map[string]any, tasks []int, about string) *Question {
	q := &effects{}
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
		return nil
	}
	q.about, q.whole = about, tree.Hash()
	if tree.Name != "" && about == "a task tree" {
		q.about += fmt.Sprintf(" (%s)", shorten.Bytes(tree.Name, 100))
	}
	if len(inputs) > 0 {
		q.inputs = written(inputs)
	}
	return s.ask(q)
}

// mayDestroy reports whether a task may destroy something. An input that is
// known only during the run counts as the worst case.
func (s *Set) mayDestroy(ctx context.Context, t *chain.Task) bool {
	if t.RetryUnsafe {
		return true
	}
	if t.Tree != nil {
		return slices.ContainsFunc(all(t.Tree), func(i int) bool { return s.mayDestroy(ctx, &t.Tree.Tasks[i]) })
	}
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

// Planned is an executor whose inputs determine the tree that it runs. Its
// effects are those of that tree.
type Planned interface {
	Plan(ctx context.Context, inputs map[string]any) (*chain.Tree, error)
}

// planned returns the tree that an executor would run; nil if it is not Planned.
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

// sourcesOf returns the inputs of a tree's tasks as they were written.
func sourcesOf(tree *chain.Tree) []json.RawMessage {
	list := TaskSources(tree.Source())
	for i, task := range list {
		var one struct {
			Inputs json.RawMessage `json:"inputs"`
		}
		_ = json.Unmarshal(task, &one) // a valid tree
		list[i] = one.Inputs
	}
	return list
}

// digest returns a hash of all acts, including those that the message leaves
// out.
func (q *effects) digest() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %q", q.about, q.whole, q.inputs)
	for _, a := range q.acts {
		fmt.Fprintf(sum, " %q %q %q", a.task, a.executor, a.inputs)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// text returns the message of the question. Text from the caller is on one
// line, as JSON, so that it can't imitate the server's own text.
func (q *effects) text(redact func(string) string) string {
	var b strings.Builder
	room := actRoom
	switch first := q.acts[0]; {
	case first.task == "":
		room = soleRoom
		fmt.Fprintf(&b, "Run %s? It may change or delete something that can't be restored.\n", q.about)
	case len(q.acts) == 1:
		room = soleRoom
		fmt.Fprintf(&b, "Run %s? One task may change or delete something that can't be restored:\n", line(q.about))
	default:
		fmt.Fprintf(&b, "Run %s? %d tasks may change or delete something that can't be restored:\n", line(q.about), len(q.acts))
	}
	for _, a := range q.acts[:min(len(q.acts), maxActs)] {
		if a.task != "" {
			fmt.Fprintf(&b, "- %s, %s", line(shorten.Bytes(a.task, 100)), a.executor)
			if a.each {
				b.WriteString(", for each element of a list")
			}
			b.WriteString(": ")
		}
		b.WriteString(line(shorten.Middle(redact(a.inputs), room)) + "\n")
	}
	if more := len(q.acts) - maxActs; more > 0 {
		fmt.Fprintf(&b, "- and %d more, of %s\n", more, strings.Join(q.executorsFrom(maxActs), ", "))
	}
	if q.inputs != "" {
		fmt.Fprintf(&b, "Inputs of the run: %s\n", line(shorten.Middle(redact(q.inputs), soleRoom)))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// executorsFrom lists the executors of the acts from an index on, each once.
func (q *effects) executorsFrom(from int) []string {
	named := map[string]bool{}
	for _, a := range q.acts[from:] {
		named[a.executor] = true
	}
	return slices.Sorted(maps.Keys(named))
}

// line returns a text as one line, with characters escaped that could change how
// the question is displayed.
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

// written returns a value as JSON with sorted keys.
func written(v any) string {
	raw, err := plainjson.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%v", v)
	}
	return string(raw)
}

// canonical returns arguments as JSON in a canonical form. Invalid arguments are
// returned unchanged; preparing the call has refused them.
func canonical(arguments json.RawMessage) string {
	args, err := strictjson.DecodeObject(arguments)
	if err != nil {
		return string(arguments)
	}
	return written(args)
}
