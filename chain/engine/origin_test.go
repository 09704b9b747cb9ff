package engine_test

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/rest"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// An error about an input names the reference that the input came from.
func TestErrorsNameTheReference(t *testing.T) {
	t.Parallel()
	b := newBench(t, memory.Open(memory.Options{}), engine.Options{}, policy.Config{})
	if err := b.Registry.Register(rest.New()); err != nil {
		t.Fatal(err)
	}
	const url, from = `"url":"https://example.com"`, "it comes from ${{ inputs.v }}"
	for _, c := range []struct{ name, task, v, says, from string }{
		{"a type", `"inputs":{"url":"${{ inputs.v }}"}`, `5`, "url must be a string; got 5", from},
		{"null", `"inputs":{"url":"${{ inputs.v }}"}`, `null`, "url ", from},
		{"an empty text", `"inputs":{"url":"${{ inputs.v }}"}`, `""`, "url ", from},
		{"an enumeration", `"inputs":{` + url + `,"method":"${{ inputs.v }}"}`, `"FETCH"`, "method must be one of", from},
		{"a minimum", `"inputs":{` + url + `,"max_bytes":"${{ inputs.v }}"}`, `-1`, "max_bytes ", from},
		{"a maximum", `"inputs":{` + url + `,"timeout":"${{ inputs.v }}"}`, `100000`, "timeout", from},
		{"a field of an object", `"inputs":{` + url + `,"headers":{"a":"x","b c":"${{ inputs.v }}"}}`, `[1]`, `headers["b c"] must be`, from},
		{"inside the value of a reference", `"inputs":{` + url + `,"headers":"${{ inputs.v }}"}`, `{"a":[1]}`, `headers.a must be`, from},
		{"a whole object", `"inputs":{` + url + `,"headers":"${{ inputs.v }}"}`, `"text"`, `headers must be an object`, from},
		{"no address", `"inputs":{"url":"${{ inputs.v }}"}`, `"nonsense"`, "", from},
		{"an address inside a text", `"inputs":{"url":"ftp://${{ inputs.v }}/${{ index }}"},"for_each":[1]`, `"x"`, "", from + ", ${{ index }}"},
		{"no array", `"inputs":{` + url + `},"for_each":"${{ inputs.v }}"`, `5`, "for_each must be an array; got a number", from},
		{"an element", `"inputs":{"url":"${{ item.u }}"},"for_each":"${{ [inputs.v] }}"`, `{"u":[]}`, "url must be a string; got an empty array", "it comes from ${{ item.u }}"},
		{"two inputs", `"inputs":{"url":"${{ inputs.v }}","method":"${{ inputs.v | tostring }}"}`, `5`, "url must be a string; got 5; " + from, "it comes from ${{ inputs.v | tostring }}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inputs, err := strictjson.DecodeObject([]byte(`{"v":` + c.v + `}`))
			if err != nil {
				t.Fatal(err)
			}
			v := b.RunTree(t, `[{"id":"b","name":"rest_executor",`+c.task+`}]`, chain.RunOptions{Inputs: inputs})
			task := v.Tasks[0]
			if task.Status != chain.Failed || !strings.Contains(task.Error, c.says) || !strings.Contains(task.Error, c.from) {
				t.Errorf("%s: %q, want %q and %q", task.Status, task.Error, c.says, c.from)
			}
		})
	}
}
