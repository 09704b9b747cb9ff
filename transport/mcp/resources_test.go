package mcp

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/toolstest"
)

// Resources of every kind are listed and can be read.
func TestResources(t *testing.T) {
	t.Parallel()
	made := stack(t)
	srv := New(made.Set, Options{})
	var listed struct {
		Resources []struct{ URI, Name, Description string }
	}
	unmarshal(t, ask(t, srv, "resources/list", ""), &listed)
	if len(listed.Resources) != 4 || listed.Resources[0].URI != "executor://test_big" || listed.Resources[0].Description == "" {
		t.Errorf("listed %+v", listed)
	}
	var templates struct {
		Templates []struct {
			URI string `json:"uriTemplate"`
		} `json:"resourceTemplates"`
	}
	unmarshal(t, ask(t, srv, "resources/templates/list", ""), &templates)
	if len(templates.Templates) != 3 {
		t.Errorf("listed %+v", templates)
	}
	id := run(t, made.Set, `[{"id":"big one","schemas":{"method":"test_big"},"inputs":{"bytes":90000}}]`)
	for uri, want := range map[string]string{
		"executor://test_echo":                    `"input_schema"`,
		"run://" + id:                             `"status":"completed"`,
		"run://" + id + "/tasks/big%20one/result": `{"text":`,
		"run://" + id + "/tasks/task_1/result":    `{"text":`,
	} {
		var read struct {
			Contents []struct{ URI, Text, MimeType string }
			TTL      *int   `json:"ttlMs"`
			Scope    string `json:"cacheScope"`
		}
		unmarshal(t, ask(t, srv, "resources/read", `{"uri":"`+uri+`"}`), &read)
		if len(read.Contents) != 1 || !strings.Contains(read.Contents[0].Text, want) || read.Contents[0].URI != uri || !json.Valid([]byte(read.Contents[0].Text)) {
			t.Errorf("%s gave %.300v", uri, read)
		}
		if read.TTL == nil || *read.TTL != 0 || read.Scope != "private" {
			t.Errorf("%s may be kept: %v, %s", uri, read.TTL, read.Scope)
		}
	}
	for _, uri := range []string{"run://x", "executor://none", "run://" + id + "/tasks/none/result"} {
		reply := srv.Handle(t.Context(), message(t, `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"`+uri+`"}}`), nil)
		if !strings.Contains(string(reply), `"error"`) {
			t.Errorf("%s gave %s", uri, reply)
		}
	}
	yours := tools.WithCaller(t.Context(), &tools.Caller{Principal: "you"})
	if _, err := made.Set.ReadRun(yours, id); err == nil || err.Type != "not_found" {
		t.Errorf("another principal's run gave %v", err)
	}
	if _, err := made.Set.ReadResult(yours, id, "task_1"); err == nil || err.Type != "not_found" {
		t.Errorf("another principal's result gave %v", err)
	}
}

// The beginning of a value is completed with existing values.
func TestCompletion(t *testing.T) {
	t.Parallel()
	srv := New(stack(t).Set, Options{})
	var answer struct {
		Completion struct {
			Values []string
			Total  int
		}
	}
	unmarshal(t, ask(t, srv, "completion/complete",
		`{"ref":{"type":"ref/prompt","name":"plan_task_tree"},"argument":{"name":"executor","value":"test_"}}`), &answer)
	if len(answer.Completion.Values) != 4 || answer.Completion.Total != 4 {
		t.Errorf("got %+v", answer)
	}
}

// Clients can find saved trees by name, and read each as JSON.
func TestSavedTreesAreResources(t *testing.T) {
	t.Parallel()
	const task = "[{schemas: {method: test_echo}, inputs: {text: saved}}]"
	made := stack(t, toolstest.WithTools(func(o *tools.Options) {
		o.Trees = fstest.MapFS{
			"nightly.yaml": {Data: []byte("name: Every night\ntasks: " + task)}, "noon.json": {Data: []byte(`[{"schemas":{"method":"test_echo"}}]`)},
			"broken.yml": {Data: []byte("[")}, "note.txt": {Data: []byte("x")}, ".saving-1": {Data: []byte("[")}, "folder.json/x": {Data: []byte("x")},
		}
	}))
	srv := New(made.Set, Options{})
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
		reply := srv.Handle(t.Context(), message(t, `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"`+uri+`"}}`), nil)
		if !strings.Contains(string(reply), `"error"`) {
			t.Errorf("%s gave %s", uri, reply)
		}
	}
}
