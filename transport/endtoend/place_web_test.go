package endtoend

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// apiToken is a secret of the operator, which callers may only name.
const apiToken = "tok-en-0123456789"

// shopAPI is the API of a shop, on nginx.
func shopAPI(t *testing.T, _ string) *place {
	nginx := peers.StartNginx(t, peers.NginxOptions{Server: `
default_type application/json;
location = /users {
  if ($request_method = GET) { return 200 '[{"id": 3, "name": "Ada", "role": "owner", "asked": "$args"}]'; }
  if ($http_authorization != "Bearer ` + apiToken + `") { return 401 '{"error": "who are you, $http_authorization?"}'; }
  return 201 '{"id": 4, "name": "Ada", "as": "$http_authorization"}';
}
location = /users/7 { return 404 '{"error": "no such user"}'; }
location = /report.csv { default_type text/csv; return 200 "id,total\n007,90.5\n"; }
location = /users/42 { return 200 '{"id": "42", "name": "Ada", "language": "$http_accept_language"}'; }
location = /orders {
  if ($arg_cursor = "c2") { return 200 '{"data": {"orders": [{"id": 3, "total": 7}], "next": null}}'; }
  return 200 '{"data": {"orders": [{"id": 1, "total": 12.5}, {"id": 2, "total": 30}], "next": "c2"}}';
}`})
	return &place{
		settings: policyOf(map[string]any{
			"network": loopback(),
			"secrets": map[string]any{"API_TOKEN": map[string]any{"env": "API_TOKEN", "hosts": []any{"127.0.0.1"}}},
		}),
		variables: []string{"API_TOKEN=" + apiToken},
		trusted:   nginx.Certificate.PEM,
		instead:   map[string]string{"https://api.example.com": "https://" + nginx.TLSAddr},
	}
}

// website has pages for people, on nginx.
func website(t *testing.T, _ string) *place {
	nginx := peers.StartNginx(t, peers.NginxOptions{
		Files: map[string]string{
			"article": `<!doctype html><title>An article</title><meta name="author" content="Ada"><nav>Home</nav>` +
				`<main><h1>Ink</h1><p>Ink is <em>old</em>; see <a href="/pens">pens</a>.</p></main>`,
			"shop": `<!doctype html><title>The shop</title><table class="prices"><tr><td>Pen</td><td>9.50</td></tr><tr><td>Ink</td><td>12</td></tr></table>`,
		},
		Server: "default_type text/html;",
	})
	return &place{
		settings: policyOf(map[string]any{"network": loopback()}),
		trusted:  nginx.Certificate.PEM,
		instead:  map[string]string{"https://example.com": "https://" + nginx.TLSAddr},
	}
}

// feed is a WebSocket server with an echo, a stream of orders, and a log.
func feed(t *testing.T, _ string) *place {
	mux := http.NewServeMux()
	handle := func(path string, talk func(r *http.Request, conn *websocket.Conn) error) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			conn, err := websocket.Accept(w, r, nil)
			if err != nil {
				return
			}
			defer conn.CloseNow()
			for err == nil {
				err = talk(r, conn)
			}
		})
	}
	handle("/echo", func(r *http.Request, conn *websocket.Conn) error {
		kind, data, err := conn.Read(r.Context())
		if err != nil {
			return err
		}
		return conn.Write(r.Context(), kind, data)
	})
	handle("/events", func(r *http.Request, conn *websocket.Conn) error {
		_, _, err := conn.Read(r.Context())
		for _, event := range []string{`{"type": "order", "id": 1}`, `{"type": "order", "id": 2}`, `{"type": "done"}`} {
			if err == nil {
				err = conn.Write(r.Context(), websocket.MessageText, []byte(event))
			}
		}
		return err
	})
	handle("/log", func(r *http.Request, conn *websocket.Conn) error {
		_, _, err := conn.Read(r.Context())
		return err
	})
	server := httptest.NewUnstartedServer(mux)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t).TLS}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return &place{
		settings: policyOf(map[string]any{"network": loopback()}),
		trusted:  certificate(t).PEM,
		instead:  map[string]string{"wss://api.example.com": "wss" + strings.TrimPrefix(server.URL, "https")},
	}
}

// secondServer is a second instance of this program, over HTTP.
func secondServer(t *testing.T, _ string) *place {
	return &place{
		settings: policyOf(map[string]any{"network": loopback()}),
		instead:  map[string]string{"http://127.0.0.1:8080/mcp": newHome(t, map[string]any{"executors_dir": "none"}).serve(t)},
	}
}

// office is an instance that requires a token, which only the operator knows.
func office(t *testing.T) *place {
	h := newHome(t, map[string]any{"executors_dir": "none"})
	h.variables = []string{"CHAINWRIGHT_TOKEN=" + apiToken}
	return &place{
		settings: policyOf(map[string]any{"connections": map[string]any{"office": map[string]any{
			"kind": "mcp", "url": h.serve(t), "token_env": "OFFICE_TOKEN",
		}}}),
		variables: []string{"OFFICE_TOKEN=" + apiToken},
	}
}

// otherServers are MCP servers: two more instances of this program, and the npm
// server-everything over HTTP and stdio.
func otherServers(t *testing.T, work string) *place {
	at := together(secondServer(t, work), office(t))
	reason := attempt(t, func(tb testing.TB) {
		everything, address := peers.FindProgram(tb, "mcp-server-everything").Path, freeAddress(tb)
		_, port, _ := strings.Cut(address, ":")
		server := exec.Command(everything, "streamableHttp")
		server.Env = append(os.Environ(), "PORT="+port)
		serving(tb, server, address)
		join(at.settings, policyOf(map[string]any{"command": map[string]any{"programs": []any{map[string]any{"path": everything}}}}))
		at.instead["127.0.0.1:3001"] = address
	})
	if reason != "" {
		at.absent["127.0.0.1:3001"], at.absent["mcp-server-everything"] = reason, reason
	}
	return at
}
