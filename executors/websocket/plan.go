package websocket

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	ws "github.com/coder/websocket"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/jq"
	"github.com/chainwright/chainwright/executors/web"
)

// maxUntil is how many responses are looked at for the one that ends waiting.
const maxUntil = 1000

// plan is a call that was checked: nothing has been dialled yet.
type plan struct {
	target       *url.URL
	header       http.Header
	subprotocols []string
	insecure     bool
	messages     []message
	wait         bool
	want         int // responses; 0: until the server closes
	until        *jq.Program
}

// message is one frame's worth of data, on its way out or in.
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
		return nil, web.Invalid("until", "until is given with wait_response false, where no response is looked at")
	}
	if p.until, err = jq.Compile(in.Until); err != nil {
		return nil, web.Invalid("until", "until is no jq program: %w", err)
	}
	p.want = maxUntil
	return p, nil
}

func (p *plan) name() string { return web.WithoutQuery(p.target) }

// readHeaders refuses the headers that make the handshake what it is.
func readHeaders(given map[string]any) (http.Header, error) {
	header, err := web.ReadHeaders(given)
	if err != nil {
		return nil, err
	}
	for name := range header {
		if strings.HasPrefix(name, "Sec-Websocket-") {
			return nil, web.Invalid("headers."+name, "headers.%s can't be given: the handshake sets it; subprotocols go in subprotocols", name)
		}
	}
	web.SetDefault(header, "User-Agent", "chainwright")
	return header, nil
}

func (p *plan) readMessages(in input) error {
	if in.Message != nil && in.Messages != nil {
		return web.Invalid("messages", "message and messages are given together; give one")
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

// newMessage makes a text of a text, binary data of {"base64": …}, and JSON
// of everything else.
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
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return message{}, web.Invalid(field, "%s can't be encoded: %w", field, err)
	}
	return message{ws.MessageText, bytes.TrimSuffix(encoded.Bytes(), []byte("\n"))}, nil
}
