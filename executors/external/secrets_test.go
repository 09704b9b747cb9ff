package external_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/external"
	"github.com/chainwright/chainwright/executors/policy"
)

// sayAgain is a program that repeats its input in its answer, in its standard
// error and in its error message.
const sayAgain = `
told=$(cat)
KEY=$told
{ ` + executortest.EchoScript + ` } >/dev/null
encoded=$(printf %s "$told" | base64 | tr -d '\n')
printf '{"message": "%s"}\n' "$encoded" >&2
printf '{"status": "failed", "told": %s, "error": "%s", "hint": "%s"}' "$told" "$encoded" "$url"
`

// loud is a server with one tool that repeats its input.
type loud struct{ fakePeers }

func (l *loud) Peer(external.PeerSpec) (external.Peer, error) { return l, nil }
func (l *loud) Close() error                                  { return nil }

func (l *loud) Call(_ context.Context, call *executors.Call, _ string) (any, error) {
	said := executortest.Echo(fmt.Sprint(call.Inputs["name"]))
	call.Progress(executors.Progress{Message: said})
	return map[string]any{"text": said}, fmt.Errorf("said %s", said)
}

func TestEchoedSecretsAreRedacted(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skipf("not installed: %v", err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, executortest.Echo(r.Header.Get("X-Name")), http.StatusTeapot)
	}))
	defer server.Close()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"say.sh":       sayAgain,
		"program.yaml": definition("program", `{kind: command, command: [sh, ./say.sh]}`),
		"request.yaml": definition("request", `{kind: http, url: "`+server.URL+`/", headers: {X-Name: "${{ secrets.TOKEN }}"}}`),
		"peer.yaml":    `run: {kind: mcp, url: "http://127.0.0.1:1/mcp"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	peer := &loud{fakePeers{tools: []external.PeerTool{{Name: "tool", Input: []byte(`{"type": "object", "properties": {"name": {"type": "string"}}}`)}}}}
	for _, c := range []struct {
		ids    []string
		bound  policy.Secret
		inputs map[string]any
	}{
		{[]string{"program", "peer_tool"}, policy.Secret{Executors: []string{"program", "peer_tool"}}, map[string]any{"name": executortest.Hole}},
		{[]string{"request"}, executortest.BoundTo(server.URL), map[string]any{}}, // the operator's own
	} {
		vault := executortest.NewVault(t, policy.Config{}, c.bound)
		vault.Uses()
		vault.Registry.CheckOutputs(false)
		folder := external.Open(external.Options{Dir: dir, Registry: vault.Registry, Log: zerolog.New(vault), Every: time.Hour, Peers: peer})
		for _, problem := range folder.Problems() {
			t.Fatal(problem.Err)
		}
		for _, id := range c.ids {
			outcome := vault.Call(id, c.inputs)
			if outcome.Err == nil || strings.Count(string(outcome.Result), "[secret]") == 0 || !strings.Contains(outcome.Err.Message, "[secret]") {
				t.Errorf("%s: %s, %+v", id, outcome.Result, outcome.Err)
			}
		}
		if err := folder.Close(); err != nil {
			t.Error(err)
		}
	}
}
