package world_test

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/tools/tasktree/internal/world"
)

// spoil returns what is almost right, by what is wrong with it: each effect is
// left out, changed, and there twice, and there is one more of each kind.
func spoil(right world.Effects) iter.Seq2[string, world.Effects] {
	return func(yield func(string, world.Effects) bool) {
		ok := true
		each := func(what string, change func(e *world.Effects)) {
			e := right
			e.Files, e.Added, e.Removed = maps.Clone(right.Files), maps.Clone(right.Added), maps.Clone(right.Removed)
			change(&e)
			ok = ok && yield(what, e)
		}
		each("the run ends differently", func(e *world.Effects) { e.Failed = !e.Failed })
		each("a file is gone", func(e *world.Effects) { e.Gone = []string{"any"} })
		each("there is one more file", func(e *world.Effects) { e.Files["any"] = "" })
		for name := range right.Files {
			each("the file "+name+" is not there", func(e *world.Effects) { delete(e.Files, name) })
			each("the file "+name+" is empty", func(e *world.Effects) { e.Files[name] = "" })
			each("the file "+name+" has another name", func(e *world.Effects) { e.Files["x"+name] = e.Files[name]; delete(e.Files, name) })
		}
		spoilList(each, "request", len(right.Requests), func(e *world.Effects) *[]world.Request { return &e.Requests }, world.Request{Method: "POST", Path: "/any"})
		spoilList(each, "mail", len(right.Mails), func(e *world.Effects) *[]world.Mail { return &e.Mails }, world.Mail{To: "any@x.io"})
		spoilList(each, "prompt", len(right.Prompts), func(e *world.Effects) *[]string { return &e.Prompts }, "any")
		for what, rows := range map[string]func(e *world.Effects) map[string][]string{
			"added": func(e *world.Effects) map[string][]string { return e.Added }, "removed": func(e *world.Effects) map[string][]string { return e.Removed },
		} {
			for _, table := range append(slices.Collect(maps.Keys(rows(&right))), "any") {
				each("there is one more row "+what, func(e *world.Effects) { rows(e)[table] = append(slices.Clone(rows(e)[table]), "[-1]") })
				for i := range rows(&right)[table] {
					each("a row is not "+what, func(e *world.Effects) { rows(e)[table] = slices.Delete(slices.Clone(rows(e)[table]), i, i+1) })
				}
			}
		}
	}
}

func spoilList[T any](each func(string, func(*world.Effects)), what string, n int, list func(*world.Effects) *[]T, other T) {
	each("there is one more "+what, func(e *world.Effects) { *list(e) = append(slices.Clone(*list(e)), other) })
	for i := range n {
		each(fmt.Sprintf("%s %d is lost", what, i), func(e *world.Effects) { *list(e) = slices.Delete(slices.Clone(*list(e)), i, i+1) })
		each(fmt.Sprintf("%s %d is there twice", what, i), func(e *world.Effects) { *list(e) = append(slices.Clone(*list(e)), (*list(e))[i]) })
		each(fmt.Sprintf("%s %d is another one", what, i), func(e *world.Effects) {
			*list(e) = slices.Clone(*list(e))
			(*list(e))[i] = other
		})
	}
}

// What does not matter in a text is not judged, and what matters is.
func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		match, text string
		fits        bool
	}{
		{"done", "done\n", true},
		{"done", " done", false},
		{"{json: {a: 1, b: [x, 2.5]}}", `{"b": ["x", 2.50], "a": 1.0}`, true},
		{"{json: {a: 1}}", `{"a": "1"}`, false},
		{"{json: {a: 1}}", `{"a": 1, "b": null}`, false},
		{"{json: [1, 2]}", `[2, 1]`, false},
		{"{json: [1, 2], any_order: true}", `[2, 1]`, true},
		{"{json: [1, 2], any_order: true}", `[2, 1, 1]`, false},
		{"{json: 1}", `1 1`, false},
		{"{json: {a: 1}}", `a: 1`, false},
		{`{csv: "a,b\n1,x\n2,y\n"}`, "b,a\r\nx,1.0\r\ny,2\r\n", true},
		{`{csv: "a,b\n1,x\n2,y\n"}`, "a,b\n2,y\n1,x\n", false},
		{`{csv: "a,b\n1,x\n2,y\n", any_order: true}`, "a,b\n2,y\n1,x\n", true},
		{`{csv: "a\n007\n"}`, "a\n7\n", false},
		{`{csv: "a,b\n1,x\n"}`, "a;b\n1;x\n", false},
		{`{csv: "a,b\n"}`, "a\n", false},
		{"{has: [x, y], lacks: [z]}", "yx", true},
		{"{has: [x, y], lacks: [z]}", "x", false},
		{"{has: [x, y], lacks: [z]}", "xyz", false},
	} {
		var match world.Match
		if err := yaml.Unmarshal([]byte(c.match), &match); err != nil {
			t.Fatalf("%s: %v", c.match, err)
		}
		want := world.Wanted{Files: map[string]world.Match{"a": match}}
		if verdict := world.Judge(want, world.Effects{Files: map[string]string{"a": c.text}}); verdict.Right() != c.fits {
			t.Errorf("%s and %q: %s", c.match, c.text, verdict)
		}
	}
}
