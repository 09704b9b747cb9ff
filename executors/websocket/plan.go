package websocket

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	ws "github.com/coder/websocket"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/jq"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// maxUntil is the largest number of responses that until is applied to.
const maxUntil = 1000

// plan is a validated call.
type plan struct {
	target       *url.URL
	header       http.Header
	subprotocols []string
	insecure     bool
	messages     []message
	wait         bool
	want         int // number of responses; 0: until the server closes
	until        *jq.Program
}

// message is the data of one message, sent or received.
type message struct {
	kind ws.MessageType
	data []byte
}

func newPlan(call *executors.Call, in input) (*plan, error) {
	target, err := web.CheckURL(call.Policy, in.URL, "ws", "wss")
	if err != nil {
		return nil, err
	}
	p := &plan{target: target, subprotocols: in.Subprotocols, insecure: !in.Verify, wait: in.WaitResponse, want: in.Responses}
	if p.header, err = readHeaders(in.Headers); err != nil {
		return nil, err
	}
	for i, name := range in.Subprotocols {
		if !web.IsToken(name) {
			return nil, web.Invalid(fmt.Sprintf("subprotocols[%d]", i), "subprotocols[%d] must be a name without spaces, commas or control characters; got %q", i, name)
		}
	}
	if err := p.readMessages(in); err != nil {
		return nil, err
	}
	if in.Until == "" {
		return p, nil
	}
	if !in.WaitResponse {
		return nil, web.Invalid("until", "until can't be combined with wait_response false")
	}
	if p.until, err = compileUntil(in.Until); err != nil {
		return nil, err
	}
	p.want = maxUntil
	return p, nil
}

func compileUntil(src string) (*jq.Program, error) {
	program, err := jq.Compile(src)
	if err != nil {
		return nil, web.Invalid("until", "until is not a jq program: %w", err)
	}
	return program, nil
}

// check returns the error of a literal until.
func check(inputs map[string]any) []*executors.Error {
	if src, ok := inputs["until"].(string); ok && src != "" {
		if _, err := compileUntil(src); err != nil {
			return []*executors.Error{executors.AsError(err)}
		}
	}
	return nil
}

func (p *plan) name() string { return web.WithoutQuery(p.target) }

// readHeaders validates the headers. It fails for headers of the handshake.
func readHeaders(given map[string]any) (http.Header, error) {
	header, err := web.ReadHeaders(given)
	if err != nil {
		return nil, err
	}
	for name := range header {
		if strings.HasPrefix(name, "Sec-Websocket-") {
			return nil, web.Invalid("headers."+name, "headers.%s is not allowed: the handshake sets it; use subprotocols for subprotocols", name)
		}
	}
	web.SetDefault(header, "User-Agent", "chainwright")
	return header, nil
}

func (p *plan) readMessages(in input) error {
	if in.Message != nil && in.Messages != nil {
		return web.Invalid("messages", "message and messages can't be combined; use one of them")
	}
	if in.Message != nil {
		one, err := newMessage("message", in.Message)
		p.messages = []message{one}
		return err
	}
	for i, v := range in.Messages {
		one, err := newMessage(fmt.Sprintf("messages[%d]", i), v)
		if err != nil {
			return err
		}
		p.messages = append(p.messages, one)
	}
	return nil
}

// newMessage encodes a string as text, {"base64": …} as binary data, and any
// other value as JSON.
func newMessage(field string, v any) (message, error) {
	switch v := v.(type) {
	case string:
		return message{ws.MessageText, []byte(v)}, nil
	case map[string]any:
		encoded, isText := v["base64"].(string)
		if len(v) != 1 || !isText {
			break
		}
		data, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return message{}, web.Invalid(field+".base64", "%s.base64 is not base64: %w", field, err)
		}
		return message{ws.MessageBinary, data}, nil
	}
	encoded, err := plainjson.Marshal(v)
	if err != nil {
		return message{}, web.Invalid(field, "%s could not be encoded: %w", field, err)
	}
	return message{ws.MessageText, encoded}, nil
}
