package llmtest

import (
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/chainwright/chainwright/executors/plainjson"
)

// protocol is the protocol of one family of endpoints.
type protocol interface {
	read(body []byte) (Request, error)
	knows(header http.Header) bool
	fail(w http.ResponseWriter, step *Step)
	whole(req Request, step *Step) any
	// begin, piece and end return the events of a stream.
	begin(req Request, step *Step) []event
	piece(req Request, text string) []event
	end(req Request, step *Step) []event
}

// event is an event of a stream; name is empty if the protocol has no names.
type event struct {
	name string
	data any
}

// exchange is one response in flight.
type exchange struct {
	w        http.ResponseWriter
	r        *http.Request
	req      Request
	step     *Step
	protocol protocol
	stop     <-chan struct{}
}

func (x *exchange) run() {
	if x.step.RetryAfter != "" {
		x.w.Header().Set("Retry-After", x.step.RetryAfter)
	}
	switch {
	case x.step.Status != 0 && x.step.Status != http.StatusOK:
		if x.step.Body != "" {
			x.raw(x.step.Status, x.step.Body)
			return
		}
		x.protocol.fail(x.w, x.step)
	case x.step.Body != "":
		x.raw(http.StatusOK, x.step.Body)
	case x.step.Fault == Malformed:
		x.raw(http.StatusOK, `{"choices": [{"message": }], "content": oops`)
	case x.step.Fault == Endless:
		x.endless()
	case x.req.Stream:
		x.stream()
	case x.step.Fault == Reset || x.step.Fault == Stall:
		x.part()
	default:
		writeJSON(x.w, http.StatusOK, x.protocol.whole(x.req, x.step))
	}
}

func (x *exchange) raw(status int, body string) {
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(status)
	fmt.Fprint(x.w, body) // an error is expected: the client may have disconnected
}

// part sends the first half of a body, then resets or stalls.
func (x *exchange) part() {
	body, err := plainjson.Marshal(x.protocol.whole(x.req, x.step))
	if err != nil {
		panic(err)
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	_, _ = x.w.Write(body[:len(body)/2]) // an error is expected: the client may have disconnected
	x.flush()
	x.breakOff()
}

// endless sends a body without end.
func (x *exchange) endless() {
	x.w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(x.w, `{"choices": [{"message": {"role": "assistant", "content": "`) // an error is expected: the client may have disconnected
	more := strings.Repeat("more ", 64<<10)
	for {
		if _, err := fmt.Fprint(x.w, more); err != nil {
			return
		}
	}
}

func (x *exchange) stream() {
	x.w.Header().Set("Content-Type", "text/event-stream")
	x.send(x.protocol.begin(x.req, x.step))
	if x.step.Fault == NoChoices {
		return
	}
	list := pieces(x.step.Text)
	for i, text := range list {
		if i == len(list)/2 && x.step.Fault != "" {
			x.breakOff()
			return
		}
		x.send(x.protocol.piece(x.req, text))
	}
	if x.step.Fault == "" {
		x.send(x.protocol.end(x.req, x.step))
	}
}

// pieces splits a text into words with the space before each.
func pieces(text string) []string {
	var list []string
	for text != "" {
		at := strings.IndexAny(text[1:], " \n")
		if at < 0 {
			break
		}
		list, text = append(list, text[:at+1]), text[at+1:]
	}
	return append(list, text)
}

func (x *exchange) send(events []event) {
	for _, e := range events {
		data, ok := e.data.(string)
		if !ok {
			encoded, err := plainjson.Marshal(e.data)
			if err != nil {
				panic(err)
			}
			data = string(encoded)
		}
		if e.name != "" {
			fmt.Fprintf(x.w, "event: %s\n", e.name) // an error is expected: the client may have disconnected
		}
		fmt.Fprintf(x.w, "data: %s\n\n", data) // an error is expected: the client may have disconnected
	}
	x.flush()
}

func (x *exchange) flush() {
	if err := http.NewResponseController(x.w).Flush(); err != nil {
		return // the client has disconnected
	}
}

// breakOff causes the step's fault in the middle of a body.
func (x *exchange) breakOff() {
	switch x.step.Fault {
	case Stall:
		select {
		case <-x.r.Context().Done():
		case <-x.stop:
		}
	case Reset:
		conn, _, err := http.NewResponseController(x.w).Hijack()
		if err != nil {
			return
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // an error has no effect: the connection is closed next
		}
		conn.Close() // that is the fault
	}
}
