package expr_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
)

func decode(t testing.TB, text string) any {
	t.Helper()
	v, err := strictjson.Decode([]byte(text))
	if err != nil {
		t.Fatalf("decoding %s: %v", text, err)
	}
	return v
}

// world has the values that the references of these tests read.
const world = `{
	"tasks": {
		"fetch": {"status": "completed", "error": null, "error_type": null,
			"result": {"items": [{"n": 1, "tag": "a"}, {"n": 2, "tag": "b"}], "big": 12345678901234567890, "exact": 1.10, "text": "<ok> & \"fine\"", "none": null}},
		"fetch-data": {"status": "failed", "error": "no route", "error_type": "network_error", "result": null},
		"leak": {"status": "completed", "error": null, "error_type": null, "result": {"deep": ["say ${{ secrets.TOKEN }}", "$${{secrets.TOKEN}}"]}}
	},
	"inputs": {"city": "Oslo", "token": "TOKEN", "dollar": "$", "limit": 3},
	"item": {"id": 7}
}`

func environment(t testing.TB) *expr.Env {
	v := decode(t, world).(map[string]any)
	tasks := v["tasks"].(map[string]any)
	return &expr.Env{
		Task: func(ref expr.Ref) (map[string]any, error) {
			view, ok := tasks[ref.Task].(map[string]any)
			if !ok {
				return nil, errors.New("no such task: " + ref.Task)
			}
			return view, nil
		},
		Inputs: v["inputs"].(map[string]any),
		Item:   v["item"],
		Index:  4,
	}
}

func encode(t testing.TB, v any) string {
	t.Helper()
	raw, err := plainjson.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestTemplateEval(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"plain":                     {`{"a": [1, "x", null, {"b": true}]}`, `{"a":[1,"x",null,{"b":true}]}`},
		"whole keeps the type":      {`{"a": "${{ tasks.fetch.result.items }}"}`, `{"a":[{"n":1,"tag":"a"},{"n":2,"tag":"b"}]}`},
		"whole number as written":   {`{"a": "${{tasks.fetch.result.big}}", "b": "${{ tasks.fetch.result.exact }}"}`, `{"a":12345678901234567890,"b":1.10}`},
		"whole null":                {`{"a": "${{ tasks.fetch.result.none }}"}`, `{"a":null}`},
		"missing is null":           {`{"a": "${{ tasks.fetch.result.nothing.at.all[3] }}"}`, `{"a":null}`},
		"jq":                        {`{"a": "${{ tasks.fetch.result.items | map(.n) | add }}"}`, `{"a":3}`},
		"inside functions":          {`{"a": "${{ [1,2] | map(. * inputs.limit) }}"}`, `{"a":[3,6]}`},
		"space means part of text":  {`{"a": " ${{ inputs.limit }}"}`, `{"a":" 3"}`},
		"strings as they are":       {`{"a": "in ${{ inputs.city }}!"}`, `{"a":"in Oslo!"}`},
		"nothing that is meant":     {`{"a": "[${{ tasks.fetch.result.none // \"\" }}]"}`, `{"a":"[]"}`},
		"the empty text":            {`{"a": "[${{ \"\" }}${{ false }}${{ [] }}]"}`, `{"a":"[false[]]"}`},
		"else compact JSON":         {`{"a": "x${{ tasks.fetch.result.items[0] }}${{ true }}${{ 1.50 }}"}`, `{"a":"x{\"n\":1,\"tag\":\"a\"}true1.5"}`},
		"no HTML escaping":          {`{"a": "${{ [tasks.fetch.result.text] }}"}`, `{"a":["<ok> & \"fine\""]}`},
		"no HTML escaping in text":  {`{"a": "= ${{ [tasks.fetch.result.text] }}"}`, `{"a":"= [\"<ok> & \\\"fine\\\"\"]"}`},
		"string interpolation":      {`{"a": "${{ \"\\(inputs.city)-\\(tasks[\"fetch-data\"].status)\" }}"}`, `{"a":"Oslo-failed"}`},
		"ends outside strings":      {`{"a": "${{ \"}}\" }}"}`, `{"a":"}}"}`},
		"ends outside braces":       {`{"a": "${{ {a:{b:1}}}}"}`, `{"a":{"a":{"b":1}}}`},
		"interpolated string":       {`{"a": "${{ \"\\({a:\")}}\"}.a)\" }}"}`, `{"a":")}}"}`},
		"first end":                 {`{"a": "${{ 1 }}}}"}`, `{"a":"1}}"}`},
		"escaped":                   {`{"a": "$${{ inputs.city }}"}`, `{"a":"${{ inputs.city }}"}`},
		"escaped after a dollar":    {`{"a": "$$${{ inputs.city }}"}`, `{"a":"$${{ inputs.city }}"}`},
		"escaped and not":           {`{"a": "$${{ x }} ${{ inputs.city }}"}`, `{"a":"${{ x }} Oslo"}`},
		"item and index":            {`{"a": "${{ item.id }}", "b": "${{ index }}", "c": "${{ [1,2,3,4,5][index] + item.id }}"}`, `{"a":7,"b":4,"c":12}`},
		"index with an argument":    {`{"a": "${{ \"abc\" | index(\"c\") }}"}`, `{"a":2}`},
		"inputs whole":              {`{"a": "${{ inputs | keys }}"}`, `{"a":["city","dollar","limit","token"]}`},
		"default":                   {`{"a": "${{ inputs.none // \"x\" }}"}`, `{"a":"x"}`},
		"bound variable":            {`{"a": "${{ tasks.fetch.result.items[] as $item | $item.n | select(. > 1) }}"}`, `{"a":2}`},
		"piped task":                {`{"a": "${{ tasks | .fetch | .status }}"}`, `{"a":"completed"}`},
		"quoted task":               {`{"a": "${{ tasks.\"fetch-data\".error }}"}`, `{"a":"no route"}`},
		"keys stay":                 {`{"${{ inputs.city }}": "${{ inputs.city }}"}`, `{"${{ inputs.city }}":"Oslo"}`},
		"secret":                    {`{"a": "Bearer ${{ secrets.TOKEN }}"}`, `{"a":"Bearer ${{ secrets.TOKEN }}"}`},
		"secret among references":   {`{"a": "${{ inputs.city }} ${{secrets.TOKEN}}"}`, `{"a":"Oslo ${{secrets.TOKEN}}"}`},
		"escaped secret":            {`{"a": "$${{ secrets.TOKEN }}"}`, `{"a":"$${{ secrets.TOKEN }}"}`},
		"escaped secret in text":    {`{"a": "$${{ secrets.TOKEN }}${{ inputs.city }}"}`, `{"a":"$${{ secrets.TOKEN }}Oslo"}`},
		"data is no placeholder":    {`{"a": "${{ tasks.leak.result }}"}`, `{"a":{"deep":["say $${{ secrets.TOKEN }}","$$${{secrets.TOKEN}}"]}}`},
		"nor is data in text":       {`{"a": "x ${{ tasks.leak.result.deep[0] }}"}`, `{"a":"x say $${{ secrets.TOKEN }}"}`},
		"nor is text put together":  {`{"a": "$${{ secrets.${{ inputs.token }} }}"}`, `{"a":"$${{ secrets.TOKEN }}"}`},
		"nor with a dollar as data": {`{"a": "${{ inputs.dollar }}{{ secrets.TOKEN }}"}`, `{"a":"$${{ secrets.TOKEN }}"}`},
		"nor what is computed":      {`{"a": "${{ \"${\" + \"{ secrets.TOKEN }\" + \"}\" }}"}`, `{"a":"$${{ secrets.TOKEN }}"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := decode(t, c.in).(map[string]any)
			template, issues := expr.NewCompiler().Template(in)
			for _, issue := range issues {
				if !issue.Code.Warning() {
					t.Fatalf("issue: %+v", issue)
				}
			}
			got, err := template.Eval(context.Background(), environment(t))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, encode(t, got)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(encode(t, decode(t, c.in)), encode(t, in)); diff != "" {
				t.Error("the source changed", diff)
			}
		})
	}
}

func TestEvalErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in, field, message string
		kind               executors.ErrorType
	}{
		"none":               {`{"a": {"b": ["${{ empty }}"]}}`, "a.b[0]", "it returns no value", executors.ValidationError},
		"several":            {`{"a": "${{ 1, 2 }}"}`, "a", "it returns more than one value", executors.ValidationError},
		"many":               {`{"a b": "x ${{ range(10) }}"}`, `["a b"]`, "it returns more than one value", executors.ValidationError},
		"wrong type":         {`{"a": "${{ inputs.city.name }}"}`, "a", "expected an object but got: string", executors.ValidationError},
		"raised":             {`{"a": "${{ error(\"too hot\") }}"}`, "a", "too hot", executors.ValidationError},
		"null in text":       {`{"url": "http://h/users/${{ tasks.fetch.result.none }}"}`, "url", "${{ tasks.fetch.result.none }}: it reads nothing", executors.ValidationError},
		"missing in text":    {`{"a": ["x ${{ tasks.fetch.reslt.items }}"]}`, "a[0]", "${{ tasks.fetch.reslt.items }}: it reads nothing", executors.ValidationError},
		"input in text":      {`{"a": "${{ inputs.nope }}${{ inputs.city }}"}`, "a", "${{ inputs.nope }}: it reads nothing", executors.ValidationError},
		"item in text":       {`{"a": "to ${{ item.email }}"}`, "a", "${{ item.email }}: it reads nothing", executors.ValidationError},
		"computed in text":   {`{"a": "x${{ tasks.fetch.result.items | first(.[] | .gone) }}"}`, "a", "it reads nothing", executors.ValidationError},
		"secret and nothing": {`{"a": "${{ secrets.TOKEN }}${{ null }}"}`, "a", "${{ null }}: it reads nothing", executors.ValidationError},
		"no task":            {`{"a": "${{ tasks.gone.result }}"}`, "a", "no such task: gone", executors.ValidationError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			template, _ := expr.NewCompiler().Template(decode(t, c.in).(map[string]any))
			_, err := template.Eval(context.Background(), environment(t))
			if err == nil {
				t.Fatal("no error")
			}
			if err.Field != c.field || err.Type != c.kind || !strings.Contains(err.Message, c.message) {
				t.Errorf("got %q, %s, %s", err.Field, err.Type, err.Message)
			}
			if strings.Contains(err.Message, "\n") {
				t.Errorf("message of several lines: %q", err.Message)
			}
		})
	}
	// Its budget of work ends it; on a slow machine its time limit may be first.
	t.Run("endless", func(t *testing.T) {
		t.Parallel()
		template, _ := expr.NewCompiler().Template(map[string]any{"a": "${{ last(repeat(1)) }}"})
		_, err := template.Eval(context.Background(), environment(t))
		if err == nil || err.Field != "a" || !strings.Contains(err.Message, "needs too much work") && err.Type != executors.TimeoutError {
			t.Errorf("got %v", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		template, _ := expr.NewCompiler().Template(map[string]any{"a": "${{ [range(9)] }}"})
		if _, err := template.Eval(ctx, environment(t)); err == nil || err.Type != executors.Cancelled {
			t.Errorf("got %v", err)
		}
	})
}

func TestIssues(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`${{ `:                         `bad_expression the reference that starts with ${{  is not closed`,
		`${{ "a }}`:                    `bad_expression the reference that starts with ${{ "a }} is not closed`,
		`${{ }}`:                       `bad_expression the expression does not parse: it is empty`,
		`${{ 1 + }}`:                   `bad_expression the expression does not parse: unexpected EOF`,
		`${{ nope }}`:                  `bad_expression the expression does not compile: function not defined: nope/0`,
		`${{ $nope }}`:                 `bad_expression the expression does not compile: variable not defined: $nope`,
		`${{ $tasks.a }}`:              `bad_expression variable not defined: $tasks`,
		`${{ {$item} }}`:               `bad_expression variable not defined: $item`,
		`${{ def tasks: 1; 2 }}`:       `bad_expression the expression defines tasks, which is a built-in name`,
		`${{ def f($item): 1; f(1) }}`: `bad_expression the expression names an argument $item, which is a built-in name`,
		`${{ env.HOME }}`:              `bad_expression expressions have no environment`,
		`${{ $ENV.HOME }}`:             `bad_expression expressions have no environment`,
		`${{ import "a" as a; 1 }}`:    `bad_expression modules can't be imported`,
		`${{ input }}`:                 `bad_expression the expression does not compile: input(s)/0 is not allowed`,
		`${{ tasks }}`:                 `computed_reference a task can only be read by a constant id`,
		`${{ tasks | keys }}`:          `computed_reference a task can only be read by a constant id`,
		`${{ tasks[] }}`:               `computed_reference a task can only be read by a constant id`,
		`${{ tasks[0] }}`:              `computed_reference a task can only be read by a constant id`,
		`${{ tasks[inputs.a] }}`:       `computed_reference a task can only be read by a constant id`,
		`${{ tasks["a" + "b"] }}`:      `computed_reference a task can only be read by a constant id`,
		`${{ tasks["\(index)"] }}`:     `computed_reference a task can only be read by a constant id`,
		`${{ tasks as $t | $t.a }}`:    `computed_reference a task can only be read by a constant id`,
		`${{ [1] | map(tasks[.]) }}`:   `computed_reference a task can only be read by a constant id`,
		`${{ "\(tasks)" }}`:            `computed_reference a task can only be read by a constant id`,
		`${{ "x" + secrets.TOKEN }}`:   `misplaced_secret a secret can't be read in an expression`,
		`${{ .city }}`:                 `reads_nothing .city reads from null`,
		`${{ a-b.c }}`:                 `bad_expression the expression does not compile: function not defined: b/0`,
		`${{ 'x' }}`:                   `bad_expression the expression does not parse: unexpected token "'"`,
		`${{ tasks.a }} ${{ 1 `:        `bad_expression the reference that starts with ${{ 1  is not closed`,
	} {
		t.Run(src, func(t *testing.T) {
			t.Parallel()
			_, issues := expr.NewCompiler().Template(map[string]any{"a": []any{src}})
			if len(issues) != 1 {
				t.Fatalf("got %+v", issues)
			}
			if got := string(issues[0].Code) + " " + issues[0].Message; got != want || issues[0].Path != "a[0]" {
				t.Errorf("got  %s at %s\nwant %s", got, issues[0].Path, want)
			}
			if issues[0].Hint == "" && !strings.Contains(src, "import") {
				t.Error("no hint")
			}
		})
	}
	t.Run("secrets are for executors", func(t *testing.T) {
		t.Parallel()
		_, issues := expr.NewCompiler().Value("${{ secrets.TOKEN }}")
		if len(issues) != 1 || issues[0].Code != expr.Misplaced {
			t.Errorf("got %+v", issues)
		}
	})
}

func TestReads(t *testing.T) {
	t.Parallel()
	full := func(id string) expr.Ref { return expr.Ref{Task: id} }
	status := func(id string) expr.Ref { return expr.Ref{Task: id, StatusOnly: true} }
	for src, want := range map[string]expr.Reads{
		`${{ tasks.a.result }}`:                                                          {Tasks: []expr.Ref{full("a")}},
		`${{ tasks.a }}`:                                                                 {Tasks: []expr.Ref{full("a")}},
		`${{ tasks.a.status }}`:                                                          {Tasks: []expr.Ref{status("a")}},
		`${{ tasks["a b"].error }}`:                                                      {Tasks: []expr.Ref{status("a b")}},
		`${{ tasks.a?.error_type? }}`:                                                    {Tasks: []expr.Ref{status("a")}},
		`${{ tasks.a | .status }}`:                                                       {Tasks: []expr.Ref{status("a")}},
		`${{ tasks | .a | .status | length }}`:                                           {Tasks: []expr.Ref{status("a")}},
		`${{ tasks | .a.result as $x | $x }}`:                                            {Tasks: []expr.Ref{full("a")}},
		`${{ tasks | .["a"].status }}`:                                                   {Tasks: []expr.Ref{status("a")}},
		`${{ tasks.a.status + tasks.a.result }}`:                                         {Tasks: []expr.Ref{full("a")}},
		`${{ tasks.a.status }} ${{ tasks.a.error }}`:                                     {Tasks: []expr.Ref{status("a")}},
		`${{ tasks.a.status }} ${{ tasks.a.result }}`:                                    {Tasks: []expr.Ref{full("a")}},
		`${{ tasks.a["status"] }}`:                                                       {Tasks: []expr.Ref{status("a")}},
		`${{ tasks.a["sta" + "tus"] }}`:                                                  {Tasks: []expr.Ref{full("a")}},
		`${{ tasks.a | keys }}`:                                                          {Tasks: []expr.Ref{full("a")}},
		`${{ tasks.a, tasks.b.status | length }}`:                                        {Tasks: []expr.Ref{full("a"), status("b")}},
		`${{ [.. , (1 | if . then tasks.a.result else tasks.b.status end)] }}`:           {Tasks: []expr.Ref{full("a"), status("b")}},
		`${{ "x\(tasks.a.result)" }}`:                                                    {Tasks: []expr.Ref{full("a")}},
		`${{ @uri "x\(tasks.a.result)" }}`:                                               {Tasks: []expr.Ref{full("a")}},
		`${{ {(tasks.a.status): tasks.b.result} }}`:                                      {Tasks: []expr.Ref{status("a"), full("b")}},
		`${{ reduce tasks.a.result[] as $x (tasks.b.result; . + $x + tasks.c.result) }}`: {Tasks: []expr.Ref{full("a"), full("b"), full("c")}},
		`${{ [foreach tasks.a.result[] as $x (0; . + 1; tasks.b.error)] }}`:              {Tasks: []expr.Ref{full("a"), status("b")}},
		`${{ try tasks.a.result catch tasks.b.result }}`:                                 {Tasks: []expr.Ref{full("a"), full("b")}},
		`${{ def f(g): g | g; f(tasks.a.result) }}`:                                      {Tasks: []expr.Ref{full("a")}},
		`${{ -tasks.a.result }}`:                                                         {Tasks: []expr.Ref{full("a")}},
		`${{ [1,2][tasks.a.result] }}`:                                                   {Tasks: []expr.Ref{full("a")}},
		`${{ [1,2][tasks.a.result:tasks.b.result] }}`:                                    {Tasks: []expr.Ref{full("a"), full("b")}},
		`${{ label $out | tasks.a.result }}`:                                             {Tasks: []expr.Ref{full("a")}},
		`${{ (tasks.a).status }}`:                                                        {Tasks: []expr.Ref{full("a")}},
		`${{ inputs.city }}`:                                                             {Inputs: []string{"city"}},
		`${{ inputs["a b"].c + inputs.d }}`:                                              {Inputs: []string{"a b", "d"}},
		`${{ inputs.city // "x" }}`:                                                      {OptionalInputs: []string{"city"}},
		`${{ inputs.city? }}`:                                                            {OptionalInputs: []string{"city"}},
		`${{ inputs.a // inputs.b }}`:                                                    {Inputs: []string{"b"}, OptionalInputs: []string{"a"}},
		`${{ inputs }}`:                                                                  {},
		`${{ item.x }}`:                                                                  {Item: true},
		`${{ [1] | map(. + index) }}`:                                                    {Index: true},
		`${{ [1] as $item | $item | index(1) }}`:                                         {},
		`${{ [[1]] | .[] as [$item] | {$item} }}`:                                        {},
		`${{ [[1]] | reduce .[] as [$item] (0; $item) }}`:                                {},
		`a ${{ secrets.A }} ${{secrets.B}} ${{ secrets.A }}`:                             {Secrets: []string{"A", "B"}},
		`plain`: {},
	} {
		t.Run(src, func(t *testing.T) {
			t.Parallel()
			template, issues := expr.NewCompiler().Template(map[string]any{"a": src})
			if len(issues) > 0 {
				t.Fatalf("issues: %+v", issues)
			}
			if diff := cmp.Diff(want, *template.Reads()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestKnown(t *testing.T) {
	t.Parallel()
	template, _ := expr.NewCompiler().Template(decode(t, `{
		"url": "https://${{ inputs.host }}/", "n": 1, "list": ["a", "${{ item }}"],
		"auth": {"type": "bearer", "token": "${{ secrets.TOKEN }}"}, "plain": "$${{ x }}"}`).(map[string]any))
	unknown := executors.Unknown{}
	want := map[string]any{
		"url": executors.Unknown{Text: true}, "n": json.Number("1"), "list": []any{"a", unknown},
		"auth": map[string]any{"type": "bearer", "token": unknown}, "plain": "${{ x }}",
	}
	if diff := cmp.Diff(want, template.Known()); diff != "" {
		t.Error(diff)
	}
}

func TestStatic(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		`{"a": 1}`:                      true,
		`{"a": "$${{ x }}"}`:            true,
		`{"a": "${{ secrets.TOKEN }}"}`: true,
		`{"a": ["${{ 1 }}"]}`:           false,
	} {
		template, _ := expr.NewCompiler().Template(decode(t, in).(map[string]any))
		if _, ok := template.Static(); ok != want {
			t.Errorf("%s: static is %v", in, ok)
		}
	}
	literal := expr.Literal(map[string]any{"a": "${{ tasks.x }}"})
	got, err := literal.Eval(context.Background(), nil)
	if err != nil || got["a"] != "${{ tasks.x }}" {
		t.Errorf("got %v, %v", got, err)
	}
}

// Many tasks read the same results at the same time, and some programs delete
// and update. No task may change what the others read.
func TestSharedValuesStay(t *testing.T) {
	t.Parallel()
	env := environment(t)
	view, err := env.Task(expr.Ref{Task: "fetch"})
	if err != nil {
		t.Fatal(err)
	}
	before := encode(t, view)
	var all sync.WaitGroup
	for _, src := range []string{
		"tasks.fetch.result | del(.items)", "tasks.fetch | del(.result.items[0])", "tasks.fetch.result | .items[0].n |= 5",
		"tasks.fetch.result | .items[].n += 1", "tasks.fetch | delpaths([[\"result\",\"text\"]])", "tasks.fetch.result | to_entries",
		"tasks.fetch.result | .items |= map(select(.n > 1))", "tasks.fetch.result.items | sort_by(-.n)", "tasks.fetch.result.items | .[0].n |= empty",
		"tasks.fetch.result | walk(.)", "tasks.fetch.result | map_values(.)", "tasks.fetch.result | tojson | fromjson",
		"tasks.fetch.result.items | . + [1]", "tasks.fetch.result | .new = 1", "tasks.fetch.result | setpath([\"items\",0]; 1)",
		"inputs | del(.city)", "inputs | .city = 1", "item | del(.id)",
	} {
		for range 4 {
			all.Go(func() {
				template, issues := expr.NewCompiler().Template(map[string]any{"a": "${{ " + src + " }}"})
				if len(issues) > 0 {
					t.Errorf("%s: %+v", src, issues)
					return
				}
				for range 20 {
					if _, err := template.Eval(context.Background(), env); err != nil {
						t.Errorf("%s: %v", src, err)
						return
					}
				}
			})
		}
	}
	all.Wait()
	if diff := cmp.Diff(before, encode(t, view)); diff != "" {
		t.Error(diff)
	}
}
