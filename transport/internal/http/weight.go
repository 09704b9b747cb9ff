package http

import (
	"fmt"
	"net/http"
	"time"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
	"github.com/chainwright/chainwright/transport/internal/weight"
)

// maxReading is how many bytes of large bodies are read at once.
const maxReading = 8 << 20

// Budget describes the budgets of large bodies, for people.
func Budget() string {
	return fmt.Sprintf("%d MiB of bodies are read at once, each at most %d MiB; %s, with status 503; one caller gets half of each, then status 429",
		maxReading>>20, jsonrpc.MaxMessage>>20, weight.Describe())
}

// bodies are budgets for large bodies: bytes while they are read, and the memory
// of what they decode to until the reply.
type bodies struct{ reading, held weight.Budget }

// newBodies returns the budgets of all clients, or a part of them.
func newBodies(part int64) bodies {
	return bodies{weight.New(maxReading / part), weight.New(weight.Held / part)}
}

// length returns what is reserved to read a body: its length, or the most that it
// can be if that is not known; 0 for a short one, and for one that is refused
// unread.
func length(r *http.Request) int64 {
	switch n := r.ContentLength; {
	case n < 0:
		return jsonrpc.MaxMessage
	case n <= weight.Light || n > jsonrpc.MaxMessage:
		return 0
	default:
		return n
	}
}

// receive reads a body. What was reserved to read it is given back at once, and
// what the call holds with release. If there is no body, it has answered.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) (body []byte, release func(), ok bool) {
	reserved, own := length(r), &s.limiter.of(tools.CallerFrom(r.Context()).Principal).bodies
	if !own.reading.Take(r.Context(), reserved) {
		tooMany(w, time.Second, "too many large requests at once")
		return nil, nil, false
	}
	defer own.reading.Give(reserved)
	if !s.bodies.reading.Take(r.Context(), reserved) {
		busy(w, "too many large requests are being read")
		return nil, nil, false
	}
	defer s.bodies.reading.Give(reserved)
	if body, ok = readBody(w, r); !ok {
		return nil, nil, false
	}
	n := weight.Of(body)
	if !own.held.Take(r.Context(), n) {
		tooMany(w, time.Second, "too many large requests at once; wait for replies, or send shorter ones")
		return nil, nil, false
	}
	if !s.bodies.held.Take(r.Context(), n) {
		own.held.Give(n)
		busy(w, "too many large requests at once")
		return nil, nil, false
	}
	return body, func() { s.bodies.held.Give(n); own.held.Give(n) }, true
}

func busy(w http.ResponseWriter, text string) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, text, http.StatusServiceUnavailable)
}
