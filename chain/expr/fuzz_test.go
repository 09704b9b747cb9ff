package expr_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chainwright/chainwright/chain/expr"
)

var seeds = []string{
	"plain", "${{ inputs.city }}", "a ${{ tasks.fetch.result.items[0].n }} b", "$${{ x }}", "$$${{ 1 }}", "${{ \"}}\" }}",
	"${{ {a:{b:1}}}}", "${{ \"\\({a:\")}}\"}.a)\" }}", "${{ secrets.TOKEN }}", "x$${{ secrets.TOKEN }}", "${{", "}}", "${{ }}",
	"${{ tasks | .fetch | .status }}", "${{ [range(3)] | map(. * index) }}", "${{ def f: 1; f }}", "${{ item as {id: $x} | $x }}",
	"${{ tasks[\"fetch-data\"].error? // \"none\" }}", "${{ 1, 2 }}", "${{ empty }}", "${{ error }}", "${{ @base64 \"\\(item)\" }}",
	"${{ 9223372036854775807 + 1 }}", "${{ -1e1000 }}", "${{ nan }}", "${{ [.[]?] }}", "${{ input }}", "${{ tasks.fetch.result | del(.items) }}",
	"${{ $__loc__ }}", "${{ label $x | break $x }}", "${{ reduce range(5) as $i (0; . + $i) }}", "${{ 1 as [$a] ?// $a | $a }}", "${{ # }}",
	"${{ \"\\u0000\" }}", "${{ ltrimstr(1) }}", "${{ now | todate }}", "${{ \"a\" * 1e9 }}", "${{ [limit(3; repeat(1))] }}", "${{ splits(\"a\") }}",
}

// FuzzCompile checks that nothing panics, and that an expression that compiles
// without issues returns a value, or an error in one line, within its limits.
func FuzzCompile(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		template, issues := expr.NewCompiler().Template(map[string]any{"a": text})
		for _, issue := range issues {
			if issue.Message == "" || issue.Path != "a" {
				t.Errorf("%q: %+v", text, issue)
			}
			if !issue.Code.Warning() {
				return
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		got, err := template.Eval(ctx, environment(t))
		switch {
		case err != nil && (err.Field != "a" || err.Message == ""):
			t.Errorf("%q: %+v", text, err)
		case err == nil && got == nil:
			t.Errorf("%q gives nothing", text)
		}
	})
}

// FuzzEscape checks that an escaped value evaluates to the original value.
func FuzzEscape(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		escaped, ok := expr.Escape(map[string]any{"a": []any{text}}).(map[string]any)
		if !ok {
			t.Fatal("no object")
		}
		template, issues := expr.NewCompiler().Template(escaped)
		if len(issues) > 0 {
			t.Fatalf("%q: %+v", text, issues)
		}
		if _, ok := template.Static(); !ok {
			t.Fatalf("%q is evaluated", text)
		}
		got, err := template.Eval(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]any{"a": []any{text}}, got); diff != "" {
			t.Errorf("%q becomes %v", text, got)
		}
	})
}

// FuzzPaths compares the fast evaluation of paths with jq. A pipe from null
// turns a path into a program that jq evaluates.
func FuzzPaths(f *testing.F) {
	for _, seed := range []string{
		"tasks.fetch.result.items[0].n", "tasks[\"fetch-data\"].status", "inputs.city", "inputs.city.name", "inputs[0]", "item", "item.id.x",
		"index", "index.x", "tasks.fetch.result.items[7]", "tasks.fetch.result.items.n", "inputs[\"none\"].x[3]", "tasks.fetch[\"result\"]",
		"inputs.and", "inputs._a1", "inputs.1", "inputs. city", "inputs[00]", "inputs[\"\"]", "inputs[\"é\"]", "\f.0", ".0\x00", "tasks.leak.result.deep[1]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if strings.ContainsAny(path, "(){}|;,#\\$") || strings.Contains(path, "now") {
			t.Skip()
		}
		eval := func(text string) (any, string) {
			template, issues := expr.NewCompiler().Template(map[string]any{"a": "${{ " + text + " }}"})
			if len(issues) > 0 && !issues[0].Code.Warning() {
				return nil, "issue: " + string(issues[0].Code)
			}
			v, err := template.Eval(context.Background(), environment(t))
			if err != nil {
				_, why, _ := strings.Cut(err.Message, "}}: ")
				return nil, why
			}
			return v["a"], ""
		}
		short, shortErr := eval(path)
		long, longErr := eval("(" + path + ") | .")
		if shortErr != longErr {
			t.Errorf("%q: %q, and in jq %q", path, shortErr, longErr)
		}
		if diff := cmp.Diff(long, short); diff != "" {
			t.Errorf("%q: %s", path, diff)
		}
	})
}
