package websocket

import (
	"net/http"
	"testing"

	ws "github.com/coder/websocket"
)

// TestURLs checks that URLs as people write them are sent as URLs.
func TestURLs(t *testing.T) {
	t.Parallel()
	address := serve(t, func(conn *ws.Conn, r *http.Request) {
		if _, _, err := conn.Read(r.Context()); err != nil {
			return
		}
		_ = conn.Write(r.Context(), ws.MessageText, []byte(r.RequestURI))
		_ = conn.Close(ws.StatusNormalClosure, "")
	})
	for sent, want := range map[string]string{
		"/echo?q=New York": "/echo?q=New%20York",
		"/a b/日本?r=ü":      "/a%20b/%E6%97%A5%E6%9C%AC?r=%C3%BC",
		"/a%2Fb c?q=100%":  "/a%2Fb%20c?q=100%25",
	} {
		got, failure := call(t, local, address, `{"url": "$URL`+sent+`", "message": "hi"}`)
		if failure != nil || got.Response != want {
			t.Errorf("%q: %+v, %+v; want %q", sent, got, failure, want)
		}
	}
}
