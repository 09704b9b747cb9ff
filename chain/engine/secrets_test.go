package engine_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/rest"
)

// A server repeats a secret in its reply and in its error, and another task
// uses the reply. The secret is nowhere: not in the view of the run, the files
// of the store, the audit trail or the log.
func TestSecretsAreInNoTrail(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/fails" {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = io.WriteString(w, executortest.Echo(r.Header.Get("X-Key"))+"\n"+string(body))
	}))
	defer server.Close()
	cfg := policy.Config{Network: policy.Network{Allow: []string{"127.0.0.1"}}}
	vault := executortest.NewVault(t, cfg, executortest.BoundTo(server.URL), rest.New())
	dir := t.TempDir()
	kept := sqlite.Open(filepath.Join(dir, "runs.db"), sqlite.Options{})
	runner := engine.New(engine.Options{Registry: vault.Registry, Store: kept, Log: zerolog.New(vault)})
	tree, report := parse.Parse([]byte(fmt.Sprintf(`[
		{"id": "asks", "schemas": {"method": "rest_executor"}, "inputs": {"url": "%[1]s/", "headers": {"X-Key": "%[2]s"}}},
		{"id": "fails", "schemas": {"method": "rest_executor"}, "inputs": {"url": "%[1]s/fails", "headers": {"X-Key": "%[2]s"}}},
		{"id": "tells", "dependencies": [{"id": "asks"}], "schemas": {"method": "rest_executor"},
			"inputs": {"url": "%[1]s/", "method": "POST", "body": "${{ tasks.asks.result.text }}"}}
	]`, server.URL, executortest.Hole)), vault.Registry, parse.Options{})
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	run, err := chain.Start(t.Context(), runner, tree, chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	view, err := runner.Wait(t.Context(), run.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := json.Marshal(view)
	if err != nil {
		t.Fatal(err)
	}
	executortest.CheckHidden(t, "the run", string(shown))
	transitions, err := kept.Transitions(t.Context(), run.ID, 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]bool{}
	for _, each := range transitions {
		text := fmt.Sprintf("%s %+v", each.Result, each.Problem)
		executortest.CheckHidden(t, "a transition", text)
		states[each.State] = states[each.State] || strings.Contains(text, "[secret]")
	}
	if !states["completed"] || !states["failed"] {
		t.Errorf("what came back of the secret is not in the store: %v", states)
	}
	if err := runner.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := kept.Close(); err != nil {
		t.Error(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var bytes strings.Builder // the last writes are in a separate file
	for _, file := range files {
		content, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		bytes.Write(content)
	}
	executortest.CheckHidden(t, "the store's files", bytes.String())
	if !strings.Contains(bytes.String(), "[secret]") {
		t.Error("the store's files can't be read as bytes")
	}
}
