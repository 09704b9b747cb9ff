package websocket

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	ws "github.com/coder/websocket"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestMessagesGoBothWays(t *testing.T) {
	t.Parallel()
	address := serve(t, echo)
	for _, c := range []struct {
		name, inputs        string
		response, responses string
		sent                int
	}{
		{name: "text", inputs: `"message": "hello"`, response: `"hello"`, sent: 1},
		{name: "not ASCII", inputs: `"message": "grüße 世界 \u0000"`, response: `"grüße 世界 \u0000"`, sent: 1},
		{name: "object", inputs: `"message": {"a": [1, 2.50], "b": "<&>"}`, response: `{"a": [1, 2.50], "b": "<&>"}`, sent: 1},
		{name: "number", inputs: `"message": 7`, response: `"7"`, sent: 1},
		{name: "text that only looks like JSON", inputs: `"message": "{not json"`, response: `"{not json"`, sent: 1},
		{name: "a key twice is no JSON to rely on", inputs: `"message": "{\"a\":1,\"a\":2}"`, response: `"{\"a\":1,\"a\":2}"`, sent: 1},
		{name: "binary", inputs: `"message": {"base64": "AP+A"}`, response: `{"base64": "AP+A"}`, sent: 1},
		{name: "base64 beside something else", inputs: `"message": {"base64": "AP+A", "x": 1}`, response: `{"base64": "AP+A", "x": 1}`, sent: 1},
		{name: "empty", inputs: `"message": ""`, response: `""`, sent: 1},
		{name: "several", inputs: `"messages": ["a", {"b": 1}, {"base64": ""}], "responses": 3`, responses: `["a", {"b": 1}, {"base64": ""}]`, sent: 3},
		{name: "several, one response", inputs: `"messages": ["a", "b"]`, response: `"a"`, sent: 2},
		{name: "until", inputs: `"messages": [{"n": 1}, {"n": 2}, {"n": 3}], "until": ".n == 2"`, responses: `[{"n": 1}, {"n": 2}]`, sent: 3},
		{name: "until on the first", inputs: `"message": "end", "until": ". == \"end\""`, responses: `["end"]`, sent: 1},
		{name: "no waiting", inputs: `"messages": ["a", "b"], "wait_response": false`, sent: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, failure := call(t, local, address, `{"url": "$URL/x?q=1", `+c.inputs+`}`)
			if failure != nil {
				t.Fatalf("%+v", failure)
			}
			if !got.Success || got.Code != 1000 || got.MessagesSent != c.sent || got.URL != address+"/x?q=1" {
				t.Errorf("got %+v", got)
			}
			if !same(got.Response, c.response) || !same(any(got.Responses), c.responses) {
				t.Errorf("got %v and %v; want %s and %s", got.Response, got.Responses, c.response, c.responses)
			}
		})
	}
}

func same(got any, want string) bool {
	var wanted any
	if want != "" && json.Unmarshal([]byte(want), &wanted) != nil {
		return false
	}
	if list, ok := got.([]any); ok && list == nil {
		got = nil
	}
	return reflect.DeepEqual(got, wanted)
}

func TestWhatIsSentIsShown(t *testing.T) {
	t.Parallel()
	got, failure := call(t, local, serve(t, echo), `{"url": "$URL", "message": {"a": 1}}`)
	if failure != nil || !same(got.MessageSent, `{"a": 1}`) {
		t.Errorf("%+v, %+v", got, failure)
	}
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	headers := make(chan http.Header, 1)
	address := serve(t, func(conn *ws.Conn, r *http.Request) {
		headers <- r.Header
		echo(conn, r)
	})
	got, failure := call(t, local, address, `{"url": "$URL", "message": "x", "headers": {"X-Number": "7", "origin": "https://a.example"}, "subprotocols": ["first", "second"]}`)
	if failure != nil || got.Subprotocol != "second" {
		t.Fatalf("%+v, %+v", got, failure)
	}
	sent := <-headers
	if sent.Get("X-Number") != "7" || sent.Get("Origin") != "https://a.example" || sent.Get("Cookie") != "" || sent.Get("User-Agent") != "chainwright" {
		t.Errorf("the server got %v", sent)
	}
}

func TestInvalidInputs(t *testing.T) {
	t.Parallel()
	address := serve(t, func(*ws.Conn, *http.Request) { t.Error("the server was reached") })
	for _, c := range []struct{ inputs, field, message string }{
		{`"url": "http://127.0.0.1/"`, "url", "ws:// or wss://"},
		{`"url": "file:///etc/passwd"`, "url", "ws:// or wss://"},
		{`"url": "ws://"`, "url", "no host"},
		{`"url": "ws://a:b@127.0.0.1/"`, "url", "user name or password"},
		{`"url": "$URL", "headers": {"a": "b\r\nX: y"}`, "headers.a", "control character"},
		{`"url": "$URL", "headers": {"a\r\nb": "c"}`, "headers", "header name"},
		{`"url": "$URL", "headers": {"Host": "other.example"}`, "headers.Host", "can't be set"},
		{`"url": "$URL", "headers": {"sec-websocket-protocol": "x"}`, "headers.Sec-Websocket-Protocol", "not allowed"},
		{`"url": "$URL", "headers": {"Upgrade": "h2c"}`, "headers.Upgrade", "can't be set"},
		{`"url": "$URL", "subprotocols": ["a", "b\r\nX: y"]`, "subprotocols[1]", "must be a name"},
		{`"url": "$URL", "subprotocols": ["a, b"]`, "subprotocols[0]", "must be a name"},
		{`"url": "$URL", "message": {"base64": "%"}`, "message.base64", "not base64"},
		{`"url": "$URL", "messages": [1, {"base64": "%"}]`, "messages[1].base64", "not base64"},
		{`"url": "$URL", "message": 1, "messages": [2]`, "messages", "combined"},
		{`"url": "$URL", "until": ".a ==="`, "until", "not a jq program"},
		{`"url": "$URL", "until": ".", "wait_response": false`, "until", "wait_response"},
	} {
		_, failure := call(t, local, address, `{`+c.inputs+`}`)
		if failure == nil || failure.Type != executors.ValidationError || failure.Field != c.field || !strings.Contains(failure.Message, c.message) {
			t.Errorf("%s: %+v; want %q in %q", c.inputs, failure, c.message, c.field)
		}
	}
}

func TestRefusedAddresses(t *testing.T) {
	t.Parallel()
	address := serve(t, func(*ws.Conn, *http.Request) { t.Error("the server was reached") })
	port := address[strings.LastIndexByte(address, ':'):]
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "0.0.0.0", "2130706433", "0x7f.1"} {
		for _, scheme := range []string{"ws", "wss"} {
			_, failure := call(t, policy.Config{}, "", fmt.Sprintf(`{"url": "%s://%s%s/"}`, scheme, host, port))
			if failure == nil || failure.Type != executors.PermissionDenied || failure.Field != "url" || failure.Hint == "" || failure.Retryable {
				t.Errorf("%s: failure = %+v; want permission_denied for url, with a hint", host, failure)
			}
		}
	}
}

// TestBothSidesSendMuch uses a server that responds before it reads on, which would
// block a client that sends everything first.
func TestBothSidesSendMuch(t *testing.T) {
	t.Parallel()
	blob := strings.Repeat("x", 1<<18)
	sent := make(chan int, 1)
	address := serve(t, func(conn *ws.Conn, r *http.Request) {
		conn.SetReadLimit(-1)
		count := 0
		for {
			_, data, err := conn.Read(r.Context())
			if err != nil {
				sent <- count
				return
			}
			count += len(data)
			for range 8 {
				if conn.Write(r.Context(), ws.MessageText, bytes.Repeat(data, 2)) != nil {
					break
				}
			}
		}
	})
	inputs, err := json.Marshal(map[string]any{"url": address, "messages": []string{blob, blob, blob, blob, blob, blob, blob, blob}})
	if err != nil {
		t.Fatal(err)
	}
	got, failure := call(t, local, address, string(inputs))
	if failure != nil || got.MessagesSent != 8 {
		t.Fatalf("sent %d, %+v", got.MessagesSent, failure)
	}
	if total := <-sent; total != 8<<18 {
		t.Errorf("the server read %d bytes", total)
	}
}
