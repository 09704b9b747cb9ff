package websocket

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	ws "github.com/coder/websocket"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// A server that says again what it was told, as text, bytes and reason.
func TestSecretsInEveryWay(t *testing.T) {
	t.Parallel()
	address := serve(t, func(conn *ws.Conn, r *http.Request) {
		_, data, _ := conn.Read(r.Context())
		said := executortest.Echo(r.Header.Get("X-Key")) + "\n" + executortest.Echo(string(data))
		_ = conn.Write(r.Context(), ws.MessageText, []byte(said))
		_ = conn.Write(r.Context(), ws.MessageBinary, append([]byte{0xff}, string(data)+" "+url.QueryEscape(string(data))...))
		_ = conn.Close(4000, "said "+string(data))
	})
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, executortest.Echo(r.Header.Get("X-Key")), http.StatusForbidden)
	}))
	defer refusing.Close()
	vault := executortest.NewVault(t, local, policy.Secret{Hosts: []string{"127.0.0.1"}}, New())
	for _, to := range []string{address, "ws" + strings.TrimPrefix(refusing.URL, "http")} {
		outcome := vault.Call("websocket_executor", map[string]any{
			"url": to, "responses": 3, "message": executortest.Hole, "headers": map[string]any{"X-Key": executortest.Hole},
		})
		if outcome.Err == nil || !strings.Contains(outcome.Err.Message, "[secret TOKEN]") {
			t.Errorf("%s, %+v", outcome.Result, outcome.Err)
		}
	}
}
