package data_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/data"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/strictjson"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run validates the inputs, calls the executor, and checks the output against its
// schema.
func run(ctx context.Context, t testing.TB, inputs string) (json.RawMessage, error) {
	t.Helper()
	decoded, err := strictjson.DecodeObject([]byte(inputs))
	if err != nil {
		t.Fatalf("inputs %.200s: %v", inputs, err)
	}
	filled, violations := executor.Definition().Input.Apply(decoded)
	if len(violations) > 0 {
		t.Fatalf("inputs %.200s: %v", inputs, violations)
	}
	out, err := executor.Execute(ctx, &executors.Call{Inputs: filled})
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	decodedOut, err := strictjson.Decode(raw)
	if err != nil {
		t.Fatalf("output %.200s: %v", raw, err)
	}
	if violations := executor.Definition().Output.Validate(decodedOut); len(violations) > 0 {
		t.Fatalf("output %.200s: %v", raw, violations)
	}
	var shape struct{ Result json.RawMessage }
	if err := json.Unmarshal(raw, &shape); err != nil {
		t.Fatal(err)
	}
	return shape.Result, nil
}

var executor = data.New()

func equalJSON(t *testing.T, want string, got json.RawMessage) {
	t.Helper()
	w, err := strictjson.Decode([]byte(want))
	if err != nil {
		t.Fatalf("want %s: %v", want, err)
	}
	g, err := strictjson.Decode(got)
	if err != nil {
		t.Fatalf("got %s: %v", got, err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Error(diff)
	}
}

func TestOperations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ inputs, want string }{
		// The four operations of the guide, also with empty data.
		{`{"data":[1,2,3]}`, `6`},
		{`{"data":[]}`, `0`},
		{`{"data":[1,2,3,4],"operation":"average"}`, `2.5`},
		{`{"data":[],"operation":"average"}`, `0`},
		{`{"data":[3,1,2],"operation":"max"}`, `3`},
		{`{"data":[],"operation":"max"}`, `null`},
		{`{"data":[3,1,2],"operation":"min"}`, `1`},
		{`{"data":[],"operation":"min"}`, `null`},
		// Exact numbers.
		{`{"data":[0.1,0.2]}`, `0.3`},
		{`{"data":[1.50,2.50]}`, `4`},
		{`{"data":[9223372036854775807,1]}`, `9223372036854775808`},
		{`{"data":[-9223372036854775808,-1]}`, `-9223372036854775809`},
		{`{"data":[123456789012345678901234567890,0.5]}`, `123456789012345678901234567890.5`},
		{`{"data":[1e300,1]}`, `1e300`},
		{`{"data":[1e-7,1e-7]}`, `2e-7`},
		{`{"data":[1e20,-1e20]}`, `0`},
		{`{"data":[-0.0]}`, `0`},
		{`{"data":[1,1,2],"operation":"average"}`, `1.3333333333333333`},
		{`{"data":[1,1,0],"operation":"average"}`, `0.66666666666666667`},
		{`{"data":[-1,-1,0],"operation":"average"}`, `-0.66666666666666667`},
		{`{"data":[9007199254740993,9007199254740995],"operation":"average"}`, `9007199254740994`},
		{`{"data":[0.1,0.2,0.3],"operation":"average"}`, `0.2`},
		{`{"data":[1.10,1.1],"operation":"max"}`, `1.10`},
		{`{"data":[9007199254740993,9007199254740992],"operation":"max"}`, `9007199254740993`},
		{`{"data":[-5,-3],"operation":"max"}`, `-3`},
		{`{"data":[5,1,3],"operation":"median"}`, `3`},
		{`{"data":[0.1,0.4,0.2,0.3],"operation":"median"}`, `0.25`},
		{`{"data":[],"operation":"median"}`, `null`},
		// Fields.
		{`{"data":[{"a":{"b":[1,2]}},{"a":{"b":[3]}}],"field":"a.b[0]"}`, `4`},
		{`{"data":[{"a.b":1},{"a.b":2}],"field":"a.b"}`, `3`},
		{`{"data":[{"n":1},{"n":null},{}],"operation":"count","field":"n"}`, `1`},
		{`{"data":[1,null,"a"],"operation":"count"}`, `3`},
		{`{"data":{"a":1,"b":2},"operation":"count"}`, `2`},
		{`{"data":[1,2,3,4],"operation":"sum","where":". > 2"}`, `7`},
		{`{"data":[{"n":1},{"n":2}],"operation":"count","where":{"field":"n","op":">","value":1}}`, `1`},
		// Filters.
		{`{"data":[1,2,3],"operation":"filter","where":". != 2"}`, `[1,3]`},
		{`{"data":[{"n":1},{"n":null},{}],"operation":"filter","where":".n"}`, `[{"n":1}]`},
		{`{"data":[1,2,3],"operation":"filter","where":"empty"}`, `[]`},
		{`{"data":[1,1.0,"1"],"operation":"filter","where":{"op":"eq","value":1}}`, `[1,1.0]`},
		{`{"data":[1,2,null],"operation":"filter","where":{"op":"!=","value":1}}`, `[2,null]`},
		{`{"data":[1,2,3,null],"operation":"filter","where":{"op":"gte","value":2}}`, `[2,3]`},
		{`{"data":["a","b","c"],"operation":"filter","where":{"op":"<","value":"c"}}`, `["a","b"]`},
		{`{"data":["a","b"],"operation":"filter","where":{"op":"in","value":["b","c"]}}`, `["b"]`},
		{`{"data":["abc","xbz",["b"],{"b":1}],"operation":"filter","where":{"op":"contains","value":"b"}}`, `["abc","xbz",["b"],{"b":1}]`},
		{`{"data":["abc","xbz"],"operation":"filter","where":{"op":"starts_with","value":"a"}}`, `["abc"]`},
		{`{"data":["abc","xbz"],"operation":"filter","where":{"op":"ends_with","value":"z"}}`, `["xbz"]`},
		{`{"data":["a1","b"],"operation":"filter","where":{"op":"matches","value":"^[a-z][0-9]$"}}`, `["a1"]`},
		{`{"data":[{"a":1},{"a":null},{}],"operation":"filter","where":{"field":"a","op":"exists"}}`, `[{"a":1}]`},
		{`{"data":[{"a":1},{"a":null},{}],"operation":"filter","where":{"field":"a","op":"exists","value":false}}`, `[{"a":null},{}]`},
		// Sorting: types in jq's order, stable, exact numbers.
		{`{"data":["b",2,null,true,[1],{"a":1},"a",1,false],"operation":"sort"}`, `[null,false,true,1,2,"a","b",[1],{"a":1}]`},
		{`{"data":[9007199254740993,9007199254740992,1e400,-1],"operation":"sort"}`, `[-1,9007199254740992,9007199254740993,1e400]`},
		{`{"data":[{"k":2,"n":"x"},{"k":1,"n":"y"},{"k":2,"n":"z"}],"operation":"sort","by":"k","order":"desc"}`,
			`[{"k":2,"n":"x"},{"k":2,"n":"z"},{"k":1,"n":"y"}]`},
		{`{"data":[{"a":1,"b":2},{"a":1,"b":1},{"b":9}],"operation":"sort","by":["a","b"]}`, `[{"b":9},{"a":1,"b":1},{"a":1,"b":2}]`},
		{`{"data":[1,1.0,"1",1],"operation":"unique"}`, `[1,"1"]`},
		{`{"data":[{"a":1,"b":1},{"a":1,"b":2}],"operation":"unique","by":"a"}`, `[{"a":1,"b":1}]`},
		{`{"data":[{"a":1,"b":[1]},{"b":[1.0],"a":1}],"operation":"unique"}`, `[{"a":1,"b":[1]}]`},
		// Groups.
		{`{"data":[{"c":"x","n":1},{"c":"y","n":2},{"c":"x","n":3}],"operation":"group_by","by":"c"}`,
			`[{"key":"x","count":2,"items":[{"c":"x","n":1},{"c":"x","n":3}]},{"key":"y","count":1,"items":[{"c":"y","n":2}]}]`},
		{`{"data":[{"c":"y"},{"c":"x"}],"operation":"group_by","by":"c","order":"asc"}`,
			`[{"key":"x","count":1,"items":[{"c":"x"}]},{"key":"y","count":1,"items":[{"c":"y"}]}]`},
		{`{"data":[{"c":"x","d":1,"n":0.1},{"c":"x","d":1,"n":0.2}],"operation":"group_by","by":["c","d"],"aggregate":{"total":{"operation":"sum","field":"n"},"most":{"operation":"max","field":"n"}}}`,
			`[{"key":{"c":"x","d":1},"count":2,"total":0.3,"most":0.2}]`},
		{`{"data":[],"operation":"group_by","by":"c"}`, `[]`},
		{`{"data":[{}],"operation":"group_by","by":"c"}`, `[{"key":null,"count":1,"items":[{}]}]`},
		// Joins.
		{`{"data":[{"id":1,"a":"x"},{"id":2,"a":"y"}],"operation":"join","with":[{"id":1.0,"b":"z"}],"on":"id"}`, `[{"id":1,"a":"x","b":"z"}]`},
		{`{"data":[{"id":1},{"id":null},{}],"operation":"join","with":[{"id":null,"b":1},{"id":1,"b":2},{"id":1,"b":3}],"on":"id","how":"left"}`,
			`[{"id":1,"b":2},{"id":1,"b":3},{"id":null},{}]`},
		{`{"data":[{"id":1,"n":"a","with_n":"c"}],"operation":"join","with":[{"id":1,"n":"b"}],"on":"id"}`,
			`[{"id":1,"n":"a","with_n":"c","with_with_n":"b"}]`},
		{`{"data":[{"a":1,"b":2}],"operation":"join","with":[{"a":1,"b":2,"c":3},{"a":1,"b":3}],"on":["a","b"]}`, `[{"a":1,"b":2,"c":3}]`},
		// Merges.
		{`{"data":{"a":{"x":1},"b":1},"operation":"merge","with":{"a":{"y":2},"b":[1]}}`, `{"a":{"x":1,"y":2},"b":[1]}`},
		{`{"data":[{"a":{"x":1}},{"a":{"y":2}},{"b":null}],"operation":"merge"}`, `{"a":{"x":1,"y":2},"b":null}`},
		{`{"data":[1],"operation":"merge","with":[2,3]}`, `[1,2,3]`},
		{`{"data":[[1],[],[2]],"operation":"merge"}`, `[1,2]`},
		{`{"data":[],"operation":"merge"}`, `[]`},
		{`{"data":{"a":1},"operation":"merge"}`, `{"a":1}`},
		// jq: one output is the value, several are an array, none is null.
		{`{"data":{"a":[1,2]},"operation":"jq","program":".a | add"}`, `3`},
		{`{"data":{"a":[1,2]},"operation":"jq","program":".a[]"}`, `[1,2]`},
		{`{"data":{"a":[1,2]},"operation":"jq","program":"empty"}`, `null`},
		{`{"data":12345678901234567890.10,"operation":"jq","program":"."}`, `12345678901234567890.10`},
		{`{"data":null,"operation":"jq","program":"[env, $ENV]"}`, `[{},{}]`},
	} {
		t.Run(c.inputs, func(t *testing.T) {
			t.Parallel()
			got, err := run(context.Background(), t, c.inputs)
			if err != nil {
				t.Fatal(err)
			}
			equalJSON(t, c.want, got)
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ inputs, field, message string }{
		{`{"data":[1,2,3,"4"]}`, "data[3]", "data[3]: must be a number; got string"},
		{`{"data":[1,null]}`, "data[1]", "data[1]: must be a number; got null"},
		{`{"data":[true],"operation":"max"}`, "data[0]", "must be a number; got boolean"},
		{`{"data":[{"p":1},{"q":1}],"field":"p"}`, "data[1].p", "is required"},
		{`{"data":[{"p":["x"]}],"field":"p[0]"}`, "data[0].p[0]", "must be a number; got string"},
		{`{"data":["a",1],"where":". == \"b\" or . == \"a\""}`, "data[0]", "got string"},
		{`{"data":{"a":1}}`, "data", "must be an array for the operation sum; got object"},
		{`{"data":"[1,2]"}`, "data", "got string"},
		{`{"data":[1],"field":"a..b"}`, "field", "a key is missing"},
		{`{"data":[1],"operation":"filter"}`, "where", "is required by the operation filter"},
		{`{"data":[1],"operation":"jq"}`, "program", "is required by the operation jq"},
		{`{"data":[1],"operation":"join","on":"a"}`, "with", "is required"},
		{`{"data":[1],"operation":"join","on":"a","with":[]}`, "data[0]", "must be an object; got number"},
		{`{"data":[{}],"operation":"join","on":"a","with":[{},2]}`, "with[1]", "must be an object; got number"},
		{`{"data":[{}],"operation":"join","on":"a","with":{}}`, "with", "must be an array"},
		{`{"data":[{}],"operation":"group_by"}`, "by", "is required"},
		{`{"data":[{"c":1,"n":"x"}],"operation":"group_by","by":"c","aggregate":{"t":{"operation":"sum","field":"n"}}}`, "data[0].n", "must be a number"},
		{`{"data":[{"c":1}],"operation":"group_by","by":"c","aggregate":{"key":{"operation":"count"}}}`, "aggregate.key", "is a name"},
		{`{"data":[1],"operation":"sum","by":"x"}`, "by", "is not used by the operation sum"},
		{`{"data":[1],"operation":"jq","program":".","where":"."}`, "where", "is not used"},
		{`{"data":[1],"operation":"filter","where":".["}`, "where", "unexpected"},
		{`{"data":[1],"operation":"filter","where":".a"}`, "where", "data[0]"},
		{`{"data":[1,"a"],"operation":"filter","where":{"op":"gt","value":0}}`, "data[1]", "must be a number, to be compared"},
		{`{"data":[1],"operation":"filter","where":{"op":"gt"}}`, "where.value", "is required"},
		{`{"data":[1],"operation":"filter","where":{"op":"in","value":1}}`, "where.value", "must be an array"},
		{`{"data":[1],"operation":"filter","where":{"op":"matches","value":"("}}`, "where.value", "missing closing"},
		{`{"data":[1],"operation":"filter","where":{"op":"starts_with","value":"a"}}`, "data[0]", "must be a string"},
		{`{"data":[1],"operation":"filter","where":{"op":"contains","value":"a"}}`, "data[0]", "must be a string, an array or an object"},
		{`{"data":[1,{}],"operation":"merge"}`, "data[0]", "must be an object or an array"},
		{`{"data":[{},[]],"operation":"merge"}`, "data[1]", "must be an object, as data[0] is"},
		{`{"data":[1],"operation":"merge","with":{}}`, "with", "must be an array, as data is"},
		{`{"data":{"a":1},"operation":"count","where":"."}`, "where", "is for arrays"},
		{`{"data":null,"operation":"count"}`, "data", "got null"},
		{`{"data":1,"operation":"jq","program":"nope"}`, "program", "nope/0"},
		{`{"data":1,"operation":"jq","program":"input"}`, "program", "input"},
		{`{"data":1,"operation":"jq","program":".a"}`, "program", "expected an object"},
		{`{"data":1,"operation":"jq","program":"[range(1e9)]"}`, "program", "the program "},
		{`{"data":1,"operation":"jq","program":"\"x\" * 1e9"}`, "program", "longer than"},
	} {
		t.Run(c.inputs, func(t *testing.T) {
			t.Parallel()
			got, err := run(context.Background(), t, c.inputs)
			var typed *executors.Error
			if !errors.As(err, &typed) {
				t.Fatalf("got %s, error %v", got, err)
			}
			if typed.Type != executors.ValidationError || typed.Field != c.field || !strings.Contains(typed.Message, c.message) {
				t.Errorf("got %s on %q: %s", typed.Type, typed.Field, typed.Message)
			}
		})
	}
}

func TestExamples(t *testing.T) {
	t.Parallel()
	executortest.Check(t, executor)
	for _, example := range executor.Definition().Examples {
		got, err := run(context.Background(), t, string(example.Inputs))
		if err != nil {
			t.Errorf("%s: %v", example.Title, err)
			continue
		}
		var want struct{ Result json.RawMessage }
		if err := json.Unmarshal(example.Result, &want); err != nil {
			t.Fatal(err)
		}
		equalJSON(t, string(want.Result), got)
	}
}

// Arithmetic on random decimals returns the same numbers as math/big.
func TestExact(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var texts []string
		total := new(big.Rat)
		for range 1 + random.IntN(20) {
			text := strconv.FormatInt(random.Int64()-1<<62, 10)
			if cut := random.IntN(len(text)-2) + 2; random.IntN(2) == 0 {
				text = text[:cut] + "." + text[cut-1:]
			}
			if random.IntN(4) == 0 {
				text += "e" + strconv.Itoa(random.IntN(40)-20)
			}
			r, ok := new(big.Rat).SetString(text)
			if !ok || !json.Valid([]byte(text)) {
				continue
			}
			total.Add(total, r)
			texts = append(texts, text)
		}
		list := strings.Join(texts, ",")
		got, err := run(context.Background(), t, `{"data":[`+list+`]}`)
		if err != nil {
			t.Fatal(err)
		}
		if r, ok := new(big.Rat).SetString(string(got)); !ok || r.Cmp(total) != 0 {
			t.Fatalf("sum of %s is %s; got %s", list, total.FloatString(30), got)
		}
		if len(texts) == 0 {
			continue
		}
		got, err = run(context.Background(), t, `{"operation":"average","data":[`+list+`]}`)
		if err != nil {
			t.Fatal(err)
		}
		total.Quo(total, big.NewRat(int64(len(texts)), 1))
		r, ok := new(big.Rat).SetString(string(got))
		if !ok {
			t.Fatalf("average %s", got)
		}
		// The error is at most half of the seventeenth digit.
		diff := new(big.Rat).Sub(r, total)
		if diff.Abs(diff); diff.Sign() != 0 && diff.Cmp(new(big.Rat).Mul(new(big.Rat).Abs(total), big.NewRat(1, 1e16))) > 0 {
			t.Fatalf("average of %s is %s; got %s", list, total.FloatString(30), got)
		}
	}
}

// Operations allocate memory in proportion to the number of elements.
func TestLarge(t *testing.T) { // not parallel: it measures memory
	list := make([]any, 200_000)
	for i := range list {
		list[i] = map[string]any{"n": json.Number(strconv.Itoa(i) + ".25"), "k": json.Number(strconv.Itoa(i % 1000))}
	}
	for name, inputs := range map[string]map[string]any{
		"sum":      {"field": "n"},
		"median":   {"field": "n"},
		"sort":     {"by": "k", "order": "desc"},
		"group_by": {"by": "k", "aggregate": map[string]any{"t": map[string]any{"operation": "sum", "field": "n"}}},
		"unique":   {"by": "n"},
		"filter":   {"where": ".n > 100 and .k < 5"},
		"merge":    {},
		"join":     {"with": list[:1000], "on": "k"},
	} {
		inputs["operation"] = name
		executortest.Ends(t, name, func() {
			executortest.Linear(t, name, len(list)/4, func(n int) {
				inputs["data"] = list[:n]
				if _, err := executor.Execute(context.Background(), &executors.Call{Inputs: inputs}); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		})
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, inputs := range []string{`{"data":[1]}`, `{"data":[1],"operation":"jq","program":"last(range(1e9))"}`, `{"data":[1],"operation":"filter","where":"last(range(1e9))"}`} {
		if _, err := run(ctx, t, inputs); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", inputs, err)
		}
	}
}

// FuzzProcess checks that no inputs cause a panic or an output that is not JSON.
func FuzzProcess(f *testing.F) {
	for _, seed := range []string{
		`{"data":[1,2.5,1e-300]}`, `{"data":[{"a":1}],"operation":"group_by","by":["a","b"]}`, `{"data":[1],"operation":"jq","program":".[] + 1"}`,
		`{"data":[{"a":1}],"operation":"join","with":[{"a":1,"b":2}],"on":{"left":"a","right":"a"},"how":"left"}`,
		`{"data":["a"],"operation":"filter","where":{"op":"matches","value":"a*"}}`, `{"data":[3,1],"operation":"sort","order":"desc"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, inputs string) {
		decoded, err := strictjson.DecodeObject([]byte(inputs))
		if err != nil {
			return
		}
		filled, violations := executor.Definition().Input.Apply(decoded)
		if len(violations) > 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		out, err := executor.Execute(ctx, &executors.Call{Inputs: filled})
		if err != nil {
			return
		}
		raw, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		if err := strictjson.Check(raw); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
	})
}
