package websocket

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	ws "github.com/coder/websocket"

	"github.com/chainwright/chainwright/executors/executortest"
)

// TestEchoedSecretsAreRedacted uses a server that echoes the secret as text, as
// bytes and as the close reason.
func TestEchoedSecretsAreRedacted(t *testing.T) {
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
	vault := executortest.NewVault(t, local, executortest.BoundTo(address, refusing.URL), New())
	for _, to := range []string{address, "ws" + strings.TrimPrefix(refusing.URL, "http")} {
		outcome := vault.Call("websocket_executor", map[string]any{
			"url": to, "responses": 3, "message": executortest.Hole, "headers": map[string]any{"X-Key": executortest.Hole},
		})
		if outcome.Err == nil || !strings.Contains(outcome.Err.Message, "[secret]") {
			t.Errorf("%s, %+v", outcome.Result, outcome.Err)
		}
	}
}

// TestUntilDoesNotReadSecrets: a program that could see an echoed secret would
// tell its letters one by one.
func TestUntilDoesNotReadSecrets(t *testing.T) {
	t.Parallel()
	address := serve(t, func(conn *ws.Conn, r *http.Request) {
		_, data, _ := conn.Read(r.Context())
		quoted, _ := json.Marshal(map[string]any{"said": string(data), "in": []string{url.QueryEscape(string(data))}})
		for _, each := range []string{string(data), string(quoted), "x" + string(data) + "y"} {
			_ = conn.Write(r.Context(), ws.MessageText, []byte(each))
		}
		_ = conn.Write(r.Context(), ws.MessageBinary, data)
		_ = conn.Close(ws.StatusNormalClosure, "")
	})
	first := executortest.Secret[:1]
	vault := executortest.NewVault(t, local, executortest.BoundTo(address), New())
	for _, until := range []string{
		`tostring | contains("` + first + `/+")`, `tostring | test("S3cret")`, `(.said? // .) | tostring | startswith("` + first + `")`,
		`(.base64? // "") | @base64d | contains("S3c")`, `error(tostring)`,
	} {
		outcome := vault.Call("websocket_executor", map[string]any{"url": address, "message": executortest.Hole, "until": until})
		if outcome.Err == nil {
			t.Errorf("%s was true: %s", until, outcome.Result)
		}
	}
}
