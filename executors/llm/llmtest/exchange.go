package llmtest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// protocol is how one family of endpoints talks.
type protocol interface {
	read(body []byte) (Request, error)
	knows(header http.Header) bool
	fail(w http.ResponseWriter, step *Step)
	whole(req Request, step *Step) any
	// begin, piece and end are the events of a stream.
	begin(req Request, step *Step) []event
	piece(req Request, text string) []event
	end(req Request, step *Step) []event
}

// event is one of a stream: its name is empty where the protocol has none.
type event struct {
	name string
	data any
}

// exchange is one answer under way.
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
	fmt.Fprint(x.w, body) // the client may have left
}

// part sends half of a whole body, then resets or stalls.
func (x *exchange) part() {
	body, err := json.Marshal(x.protocol.whole(x.req, x.step))
	if err != nil {
		panic(err)
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	_, _ = x.w.Write(body[:len(body)/2]) // the client may have left
	x.flush()
	x.breakOff()
}

// endless sends a body that never ends.
func (x *exchange) endless() {
	x.w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(x.w, `{"choices": [{"message": {"role": "assistant", "content": "`) // the client may have left
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

// pieces are the words of a text, each with what is before it.
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
			encoded, err := json.Marshal(e.data)
			if err != nil {
				panic(err)
			}
			data = string(encoded)
		}
		if e.name != "" {
			fmt.Fprintf(x.w, "event: %s\n", e.name) // the client may have left
		}
		fmt.Fprintf(x.w, "data: %s\n\n", data) // the client may have left
	}
	x.flush()
}

func (x *exchange) flush() {
	if err := http.NewResponseController(x.w).Flush(); err != nil {
		return // the client has left
	}
}

// breakOff is the step's fault in the middle of a body.
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
			_ = tcp.SetLinger(0) // it is closed anyway
		}
		conn.Close() // that is the fault
	}
}
