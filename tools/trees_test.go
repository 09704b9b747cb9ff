package tools_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

// Given saved trees, clients can find them by name, and read each as JSON.
func TestSavedTreesAreResources(t *testing.T) {
	t.Parallel()
	const task = "[{schemas: {method: test_echo}, inputs: {text: saved}}]"
	made := stack(t, toolstest.WithTools(func(o *tools.Options) {
		o.Trees = fstest.MapFS{
			"nightly.yaml": {Data: []byte("name: Every night\ntasks: " + task)}, "noon.json": {Data: []byte(`[{"schemas":{"method":"test_echo"}}]`)},
			"broken.yml": {Data: []byte("[")}, "note.txt": {Data: []byte("x")}, ".saving-1": {Data: []byte("[")}, "folder.json/x": {Data: []byte("x")},
		}
	}))
	srv := tools.NewServer(made.Set, tools.ServerOptions{})
	var listed struct {
		Templates []struct {
			URI string `json:"uriTemplate"`
		} `json:"resourceTemplates"`
	}
	unmarshal(t, ask(t, srv, "resources/templates/list", ""), &listed)
	if !slices.ContainsFunc(listed.Templates, func(each struct {
		URI string `json:"uriTemplate"`
	}) bool {
		return each.URI == tools.TreeResource
	}) {
		t.Errorf("listed %+v", listed)
	}
	var answer struct{ Completion struct{ Values []string } }
	unmarshal(t, ask(t, srv, "completion/complete", `{"ref":{"type":"ref/resource","uri":"tree://{name}"},"argument":{"name":"name","value":"n"}}`), &answer)
	if !slices.Equal(answer.Completion.Values, []string{"nightly", "noon"}) {
		t.Errorf("completed with %q", answer.Completion.Values)
	}
	for uri, want := range map[string]string{"tree://nightly": `{"name":"Every night","tasks":[`, "tree://noon": `[{"schemas":`} {
		var read struct{ Contents []struct{ Text string } }
		unmarshal(t, ask(t, srv, "resources/read", `{"uri":"`+uri+`"}`), &read)
		if len(read.Contents) != 1 || !strings.HasPrefix(read.Contents[0].Text, want) {
			t.Errorf("%s gave %+v", uri, read)
		}
	}
	for _, uri := range []string{"tree://none", "tree://broken", "tree://note", "tree://..%2Fnightly", "tree://nightly.yaml", "tree://folder"} {
		reply, err := json.Marshal(srv.HandleMessage(t.Context(), json.RawMessage(`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"`+uri+`"}}`)))
		if err != nil || !strings.Contains(string(reply), `"error"`) {
			t.Errorf("%s gave %s", uri, reply)
		}
	}
}
