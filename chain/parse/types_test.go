package parse_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// earlier are the tasks that the references in these tests read.
const earlier = `
inputs: {type: object, properties: {n: {type: integer}, city: {type: string}, user: {type: object, additionalProperties: false, properties: {name: {type: string}}}}}
tasks:
- {id: s, name: rest_executor, inputs: {url: "https://example.com/users"}}
- {id: q, name: db_query, inputs: {dsn: "sqlite:///x.db", query: select 1}}
- {id: f, name: file_reader, inputs: {file_path: a.csv, format: csv}}
- {id: c, name: command_executor, inputs: {command: [date]}}
- {id: m, name: llm_executor, inputs: {prompt: Hello}}
- {id: y, name: system_info_executor}
- {id: each, name: rest_executor, for_each: [1, 2], inputs: {url: "https://example.com/users/${{ item }}"}}
- {id: sum, name: data_processor, inputs: {data: "${{ tasks.q.result.rows }}", field: n}}
- {id: most, name: data_processor, inputs: {data: "${{ tasks.q.result.rows }}", field: n, operation: max}}
- {id: cols, name: data_processor, inputs: {data: "${{ tasks.q.result.columns }}", operation: filter, where: '.type == "TEXT"'}}
- {id: groups, name: data_processor, inputs: {data: "${{ tasks.q.result.columns }}", operation: group_by, by: type}}
- {id: totals, name: data_processor, inputs: {data: "${{ tasks.q.result.rows }}", operation: group_by, by: city, aggregate: {total: {operation: sum, field: n}}}}
- {id: jq, name: data_processor, inputs: {data: "${{ tasks.q.result }}", operation: jq, program: .}}
`

const (
	right = ""
	wrong = "problem"
	maybe = "warning"
)

// expressions are references, what validation says of each, and a part of what it
// says.
var expressions = []struct{ src, is, says string }{
	// Right.
	{`tasks.s.result.json.id`, right, ""},
	{`tasks.s.result.json.items[0].name`, right, ""},
	{`tasks.s.result.json[0]["first name"]`, right, ""},
	{`tasks.s.result.headers["content-type"]`, right, ""},
	{`tasks.s.result.headers.etag | ltrimstr("W/")`, right, ""},
	{`tasks.s.result.file.size // 0`, right, ""},
	{`tasks.s.result.truncated`, right, ""},
	{`tasks.s.status`, right, ""},
	{`tasks.s.error_type == "timeout"`, right, ""},
	{`tasks.s.errors[0].error`, right, ""},
	{`tasks["s"]["result"]["status_code"] + 1`, right, ""},
	{`tasks.s | .result | .json`, right, ""},
	{`tasks.q.result.rows[0].anything.at.all`, right, ""},
	{`tasks.q.result.rows | map(.price) | add`, right, ""},
	{`tasks.q.result.columns | map(.name) | join(", ")`, right, ""},
	{`[tasks.q.result.columns[] | select(.type == "TEXT") | .name]`, right, ""},
	{`tasks.q.result.rows | group_by(.city) | map({city: .[0].city, n: length})`, right, ""},
	{`tasks.q.result.columns | map({(.name): .type}) | add`, right, ""},
	{`tasks.q.result.columns as $c | $c[0].name`, right, ""},
	{`tasks.q.result | to_entries | map(.key)`, right, ""},
	{`tasks.q.result | with_entries(select(.value != null))`, right, ""},
	{`tasks.q.result | del(.jsn) | .new = 1 | .new`, right, ""},
	{`tasks.q.result + {extra: 1} | .extra`, right, ""},
	{`tasks.q.result | has("cuont")`, right, ""},
	{`tasks.q.result | .[(.columns[0].name)]`, right, ""},
	{`tasks.q.result.rows[1:3][0].id`, right, ""},
	{`"\(tasks.q.result.count) rows"`, right, ""},
	{`(tasks.q.result.count | tostring) + " rows"`, right, ""},
	{`tasks.f.result.content[0].city`, right, ""},
	{`tasks.f.result.content | if type == "string" then . else .[0] end`, right, ""},
	{`tasks.c.result.stdout | split("\n") | map(select(length > 0))`, right, ""},
	{`tasks.c.result.stdout | if type == "object" then .text else . end`, right, ""},
	{`tasks.c.result.stdout | fromjson | .id`, right, ""},
	{`tasks.c.result.stdout | try fromjson.id catch "none"`, right, ""},
	{`tasks.m.result.json.city // "none"`, right, ""},
	{`tasks.m.result.usage.cost_usd`, right, ""},
	{`tasks.y.result.cpu.usage_percent > 90`, right, ""},
	{`tasks.each.result[0].json.id`, right, ""},
	{`[tasks.each.result[] | select(.success) | .json]`, right, ""},
	{`tasks.sum.result.result * 2`, right, ""},
	{`tasks.cols.result.result[0].name`, right, ""},
	{`tasks.groups.result.result[0].items[0].name`, right, ""},
	{`tasks.totals.result.result | map(.total)`, right, ""},
	{`tasks.jq.result.result.rows[0].cuont`, right, ""},
	{`tasks.most.result.result.x`, wrong, "has no field"},
	{`def f(g): map(g); tasks.q.result.rows | f(.cuont)`, right, ""},
	{`reduce tasks.q.result.rows[] as $r (0; . + $r.n)`, right, ""},
	{`inputs.user.name // inputs.city`, right, ""},
	{`inputs.other.thing`, right, ""},
	{`[tasks.s.result, tasks.q.result] | map(.json // .rows)`, right, ""},
	{`[tasks.s.result, tasks.q.result] | .[0].rows`, right, ""},
	{`(tasks.s.result.file // {}).name`, wrong, `no field "name"`},
	{`{} | .x`, right, ""},
	{`if tasks.s.status == "completed" then tasks.s.result.json else null end`, right, ""},

	// Misspelt, or in the wrong place.
	{`tasks.s.reslt.json`, wrong, `a task has no field "reslt" (did you mean "result"?)`},
	{`tasks.s.result.jsn.id`, wrong, `the result of rest_executor has no field "jsn" (did you mean "json"?)`},
	{`tasks.s.json`, wrong, `did you mean result.json?`},
	{`tasks.s.output`, wrong, `it has error, error_type, errors, result, status`},
	{`tasks.s.result.body`, wrong, "(it has "},
	{`tasks.s.result.jsn // "none"`, wrong, `did you mean "json"?`},
	{`tasks.s.result.jsn?`, wrong, `did you mean "json"?`},
	{`tasks.s.result.body // tasks.s.result.json`, maybe, `no field "body"`},
	{`tasks["s"].result["jsn"]`, wrong, `did you mean "json"?`},
	{`tasks.s | .result | .jsn`, wrong, `did you mean "json"?`},
	{`"name: \(tasks.s.result.jsn)"`, wrong, `did you mean "json"?`},
	{`[tasks.s.result.jsn]`, wrong, `did you mean "json"?`},
	{`{a: tasks.s.result.jsn}`, wrong, `did you mean "json"?`},
	{`tasks.s.result | {status_cod}`, wrong, `did you mean "status_code"?`},
	{`tasks.s.result as $r | $r.jsn`, wrong, `did you mean "json"?`},
	{`if tasks.s.result.jsn then 1 else 2 end`, wrong, `did you mean "json"?`},
	{`tasks.s.result.file.nme // tasks.s.result.file.sise`, wrong, `file in the result of rest_executor has no field "sise" (did you mean "size"?)`},
	{`tasks.q.result.rows.name`, wrong, `rows in the result of db_query is an array, which has no field "name" (read one element, [0].name`},
	{`tasks.q.result[0]`, wrong, `no elements by number (the array is in columns or rows)`},
	{`tasks.q.result.columns[0].nme`, wrong, `did you mean "name"?`},
	{`tasks.q.result.columns | map(.nme)`, wrong, `did you mean "name"?`},
	{`[tasks.q.result.columns[] | select(.tpe == "TEXT")]`, wrong, `did you mean "type"?`},
	{`tasks.q.result.columns | sort_by(.nme) | first | .type`, wrong, `did you mean "name"?`},
	{`tasks.q.result.columns | first | .nme`, wrong, `did you mean "name"?`},
	{`tasks.q.result.columns | to_entries | map(.vlue)`, wrong, `did you mean "value"?`},
	{`tasks.c.result.stdout.text`, wrong, `stdout in the result of command_executor is a string`},
	{`tasks.c.result.stdout[]`, wrong, "has no elements"},
	{`tasks.c.result.return_code + " is the code"`, wrong, "jq can't add a number and a string"},
	{`tasks.c.result.stdout - 1`, wrong, "jq can't subtract a number from a string"},
	{`tasks.m.result.content.city`, wrong, "is a string"},
	{`tasks.y.result.memry.used_bytes`, wrong, `did you mean "memory"?`},
	{`tasks.each.result.json`, wrong, "is an array"},
	{`tasks.each.result[0].jsn`, wrong, `did you mean "json"?`},
	{`tasks.sum.result.value`, wrong, "it has input_count"},
	{`tasks.sum.result.result[0]`, wrong, "the result of the operation sum is a number"},
	{`tasks.cols.result.result[0].nme`, wrong, `did you mean "name"?`},
	{`tasks.groups.result.result[0].itms`, wrong, `did you mean "items"?`},
	{`tasks.totals.result.result[0].items`, wrong, `a group has no field "items"`},
	{`inputs.user.nme`, wrong, `did you mean "name"?`},
	{`inputs.city.name`, wrong, "is a string"},
	{`tasks.q.result.rows.length`, wrong, "(write … | length)"},
	{`tasks.s.error.message`, wrong, "the error is a string"},
}

// withReader returns a tree whose last task reads an expression.
func withReader(t testing.TB, format, src string) []byte {
	t.Helper()
	text, err := json.Marshal("${{ " + src + " }}")
	if err != nil {
		t.Fatal(err)
	}
	return []byte(earlier + fmt.Sprintf(format, text))
}

func TestTypes(t *testing.T) {
	t.Parallel()
	reg := executortest.Registry(t, nil, builtin.All()...)
	for _, c := range expressions {
		_, report := parse.Parse(withReader(t, "- {id: last, name: data_processor, inputs: {data: %s, operation: count}}\n", c.src), reg, parse.Options{})
		is, says := right, ""
		for _, list := range [][]chain.Problem{report.Warnings, report.Problems} {
			for _, p := range list {
				if p.Code == chain.CodeNotAllowed {
					continue
				}
				if is, says = maybe, p.String(); len(report.Problems) > 0 {
					is = wrong
				}
				if p.Path != "tasks[13].inputs.data" || p.Code != chain.CodeUnknownResult && p.Code != chain.CodeTypeMismatch {
					t.Errorf("%s: got %+v", c.src, p)
				}
			}
		}
		if is != c.is || !strings.Contains(says, c.says) {
			t.Errorf("%s: got %s %q, not %s %q", c.src, is, says, c.is, c.says)
		}
	}
}

// A value of a kind that an input refuses is a problem, if it is the whole input.
func TestTypesOfInputs(t *testing.T) {
	t.Parallel()
	reg := executortest.Registry(t, nil, builtin.All()...)
	for _, c := range []struct{ format, src, says string }{
		{"- {id: last, name: rest_executor, inputs: {url: %s}}\n", `tasks.c.result.return_code`, "inputs.url: must be a string; return_code in the result of command_executor is a number (make text of it: tostring)"},
		{"- {id: last, name: rest_executor, inputs: {url: %s}}\n", `tasks.q.result.rows | length`, "must be a string; the value is a number"},
		{"- {id: last, name: rest_executor, inputs: {url: %s}}\n", `tasks.s.result`, "is an object"},
		{"- {id: last, name: rest_executor, inputs: {url: %s}}\n", `inputs.n`, "n in the inputs is a number"},
		{"- {id: last, name: rest_executor, inputs: {url: %s}}\n", `tasks.c.result.stdout`, ""},
		{"- {id: last, name: rest_executor, inputs: {url: %s}}\n", `tasks.s.result.json`, ""},
		{"- {id: last, name: rest_executor, inputs: {url: %s}}\n", `tasks.s.result.next_page`, ""},
		{"- {id: last, name: rest_executor, inputs: {url: %s}}\n", `inputs.city // inputs.n`, ""},
		{"- {id: last, name: rest_executor, inputs: {url: x, json: %s}}\n", `tasks.c.result.return_code`, ""},
		{"- {id: last, name: rest_executor, inputs: {url: x, method: %s}}\n", `tasks.c.result.success`, "true or false"},
		{"- {id: last, name: rest_executor, inputs: {url: x, timeout: %s}}\n", `tasks.c.result.duration_ms`, ""},
		{"- {id: last, name: rest_executor, inputs: {url: x, timeout: %s}}\n", `tasks.c.result.stdout`, "inputs.timeout: must be a number"},
		{"- {id: last, name: rest_executor, inputs: {url: x, expect_status: [%s]}}\n", `tasks.s.result.status_code`, ""},
		{"- {id: last, name: rest_executor, inputs: {url: x, auth: {type: bearer, token: %s}}}\n", `tasks.c.result.return_code`, "inputs.auth.token: must be a string"},
		{"- {id: last, name: command_executor, inputs: {command: [echo, %s]}}\n", `tasks.c.result.return_code`, "inputs.command[1]: must be a string"},
		{"- {id: last, name: command_executor, inputs: {command: %s}}\n", `tasks.c.result.return_code`, "inputs.command: must be a string or an array"},
		{"- {id: last, name: db_query, inputs: {dsn: x, query: q, params: %s}}\n", `[tasks.c.result.return_code]`, ""},
		{"- {id: last, name: command_executor, for_each: %s, inputs: {command: x}}\n", `tasks.q.result`, "for_each: must be an array; the result of db_query is an object (the array is in columns or rows)"},
		{"- {id: last, name: command_executor, for_each: %s, inputs: {command: x}}\n", `tasks.q.result.rows`, ""},
		{"- {id: last, name: command_executor, for_each: %s, inputs: {command: x}}\n", `tasks.s.result.json`, ""},
		{"- {id: last, name: command_executor, for_each: %s, inputs: {command: x}}\n", `range(3)`, "must be an array"},
		{"- {id: last, name: command_executor, for_each: %s, inputs: {command: \"${{ item.nme }}\"}}\n", `tasks.q.result.columns`, `did you mean "name"?`},
		{"- {id: last, name: command_executor, for_each: [{a: 1}], inputs: {command: \"${{ item.b }}\", stdin: %s}}\n", `item.a`, ""},
		{"- {id: last, name: command_executor, when: %s, inputs: {command: x}}\n", `tasks.q.result.cuont > 0`, `when: the result of db_query has no field "cuont"`},
		{"- {id: last, name: command_executor, inputs: {command: \"rm ${{ tasks.c.result.stdot }}\", stdin: %s}}\n", `tasks.c.result.stdout`, `inputs.command: the result of command_executor has no field "stdot"`},
	} {
		_, report := parse.Parse(withReader(t, c.format, c.src), reg, parse.Options{})
		switch {
		case c.says == "" && !report.Valid():
			t.Errorf("%s in %s: got %v", c.src, c.format, report.Problems)
		case c.says != "" && (len(report.Problems) != 1 || !strings.Contains(report.Problems[0].String(), c.says)):
			t.Errorf("%s in %s: got %v, not %s", c.src, c.format, report.Problems, c.says)
		}
	}
}

// What the schema of someone else's executor says may be wrong: a warning.
func TestTypesOfUserMadeExecutors(t *testing.T) {
	t.Parallel()
	schema := func(text string) *executors.Schema {
		s, err := executors.CompileSchema("schema", json.RawMessage(text))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	nothing := func(context.Context, *executors.Call, struct{}) (any, error) { return nil, nil }
	def := *builtin.All()[0].Definition()
	def.ID, def.Aliases, def.BuiltIn = "weather", nil, false
	def.Input = schema(`{"type": "object", "properties": {"city": {"type": "string"}}}`)
	def.Output = schema(`{"type": "object", "additionalProperties": false, "properties": {"degrees": {"type": "number"}}}`)
	reg := executortest.Registry(t, nil, append(builtin.All(), executors.New(&def, nothing))...)
	for src, says := range map[string]string{
		`tasks.w.result.degrees`:   "",
		`tasks.w.result.degres`:    `the result of weather has no field "degres" (did you mean "degrees"?)`,
		`tasks.w.result.degrees.c`: "degrees in the result of weather is a number",
	} {
		_, report := parse.Parse([]byte(`[{"id": "w", "name": "weather"}, {"id": "r", "name": "data_processor", "inputs": {"data": "${{ `+src+` }}", "operation": "count"}}]`), reg, parse.Options{})
		if !report.Valid() || (says == "") != (len(report.Warnings) == 0) || says != "" && !strings.Contains(report.Warnings[0].String(), says) {
			t.Errorf("%s: got %v", src, report)
		}
	}
}

// A connection is configured on one machine and not on another: a warning.
func TestConnectionsThatAreNotConfigured(t *testing.T) {
	t.Parallel()
	pol := executortest.Policy(t, policy.Config{Connections: map[string]policy.Connection{"orders": {Kind: "sqlite", DSN: t.TempDir() + "/orders.db"}}})
	reg := executortest.Registry(t, pol, builtin.All()...)
	for name, says := range map[string]string{
		"orders":                         "",
		"${{ inputs.name }}":             "",
		"order":                          `the connection "order" is not configured (did you mean "orders"?)`,
		"warehouse":                      `(the operator sets it: policy.connections.warehouse)`,
		"${{ inputs.name + \\\"x\\\" }}": "",
	} {
		_, report := parse.Parse([]byte(`[{"name": "db_query", "inputs": {"connection": "`+name+`", "query": "select 1"}}]`), reg, parse.Options{})
		if !report.Valid() || (says == "") != (len(report.Warnings) == 0) || says != "" && !strings.Contains(report.Warnings[0].String(), says) {
			t.Errorf("%s: got %v", name, report)
		}
	}
}
