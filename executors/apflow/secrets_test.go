package apflow

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// parrot is a server that echoes the secret in the place that the task's name says.
func parrot(w http.ResponseWriter, r *http.Request) {
	var request struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			TaskID string `json:"task_id"`
			Note   string `json:"note"`
		} `json:"params"`
	}
	if json.NewDecoder(r.Body).Decode(&request) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	said := executortest.Echo(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) + "\n" + executortest.Echo(request.Params.Note)
	reply := object{"jsonrpc": "2.0", "id": request.ID, "result": object{"id": request.Params.TaskID, "status": "completed", "result": object{said: []string{said}}}}
	switch request.Params.TaskID {
	case "error":
		reply = object{"id": request.ID, "error": object{"code": -32000, "message": said, "data": said + said}}
	case "failed":
		reply["result"] = object{"id": "failed", "status": "failed", "error": said}
	case "no JSON":
		_, _ = io.WriteString(w, said)
		return
	case "refused":
		http.Error(w, said, http.StatusBadGateway)
		return
	}
	if request.Method == "tasks.execute" {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, each := range []any{
			object{"result": object{"success": true, "task_id": request.Params.TaskID, "status": said}},
			object{"type": "progress", "message": said, "progress": 0.5},
			object{"type": "final", "status": said, "final": true},
		} {
			text, _ := json.Marshal(each)
			_, _ = fmt.Fprintf(w, "data: %s\n\n", text)
		}
		return
	}
	_ = json.NewEncoder(w).Encode(reply)
}

func TestEchoedSecretsAreRedacted(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(parrot))
	defer server.Close()
	cfg := policy.Config{Network: policy.Network{Allow: []string{"127.0.0.1"}}}
	vault := executortest.NewVault(t, cfg, executortest.BoundTo(server.URL), New())
	for _, c := range []struct {
		method, task string
		fails        bool
	}{
		{"tasks.get", "result", false}, {"tasks.get", "error", true}, {"tasks.get", "no JSON", true}, {"tasks.get", "refused", true},
		{"tasks.execute", "result", false}, {"tasks.execute", "failed", true},
	} {
		outcome := vault.Call("apflow_api_executor", object{
			"base_url": server.URL, "method": c.method, "params": object{"task_id": c.task, "note": executortest.Hole},
			"auth_token": executortest.Hole, "use_streaming": c.method == "tasks.execute",
		})
		if (outcome.Err != nil) != c.fails {
			t.Errorf("%s %s: %s, %+v", c.method, c.task, outcome.Result, outcome.Err)
		}
	}
	if !strings.Contains(vault.Progress(), "[secret]") {
		t.Errorf("no progress: %s", vault.Progress())
	}
}
