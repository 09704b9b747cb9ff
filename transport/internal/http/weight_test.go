package http

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
	"github.com/chainwright/chainwright/transport/internal/weight"
	"github.com/chainwright/chainwright/transport/mcp"
)

// scale is how much smaller budgets and messages are in the test than they are.
const scale = 16

// longest returns a call with the longest message, filled with a piece.
func longest(tool, arguments, piece string) string {
	before, after := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+tool+`","arguments":`+arguments+`,"more":[`, `0]}}`
	return before + strings.Repeat(piece, (jsonrpc.MaxMessage/scale-len(before)-len(after))/len(piece)) + after
}

const (
	text    = `"` + "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" + `",`
	numbers = "1,"
)

// left reports whether a budget has exactly n bytes left.
func left(b weight.Budget, n int64) bool {
	if !b.Try(n) {
		return false
	}
	defer b.Give(n)
	more := b.Try(1)
	if more {
		b.Give(1)
	}
	return !more
}

// TestBodiesHaveABudget: large bodies wait for each other only while they are
// read. Calls in flight hold their decoded messages, which are bounded for one
// caller and for all together, and everything is given back.
func TestBodiesHaveABudget(t *testing.T) {
	t.Parallel()
	stack, err := toolstest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stack.Close() })
	opts := Options{Stateless: true}
	for _, name := range []string{"ann", "bob", "cid", "dan"} {
		opts.Tokens = append(opts.Tokens, Token{Principal: name, Value: "token-of-" + name})
	}
	s := made(t, mcp.New(stack.Set, mcp.Options{}), opts)
	s.bodies = newBodies(scale)
	for _, token := range opts.Tokens {
		s.limiter.of(token.Principal).bodies = newBodies(2 * scale)
	}
	post := func(ctx context.Context, who, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1"+Path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		r.Header.Set("Authorization", "Bearer token-of-"+who)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	var held int64
	calls := 0
	hold := func(who, piece string) {
		body := longest("test_steps", `{"steps":1,"hold":true}`, piece)
		held += weight.Of([]byte(body))
		calls++
		go func() {
			if w := post(ctx, who, body); ctx.Err() == nil {
				t.Errorf("a call that takes long got %d %s", w.Code, w.Body)
			}
			ended <- struct{}{}
		}()
		executortest.Await(t, "call "+strconv.Itoa(calls), func() bool { return stack.Running.Load() == int64(calls) })
		if !left(s.bodies.reading, maxReading/scale) || !left(s.bodies.held, weight.Held/scale-held) {
			t.Fatalf("with %d calls, other bytes are reserved", calls)
		}
	}
	echo := func(piece string) string { return longest("test_echo", `{"text":"x"}`, piece) }
	want := func(who, piece string, status int) {
		t.Helper()
		over, cancel := context.WithCancel(t.Context())
		if status != http.StatusOK {
			cancel() // it does not wait
		}
		defer cancel()
		if w := post(over, who, echo(piece)); w.Code != status || status != http.StatusOK && w.Header().Get("Retry-After") == "" {
			t.Fatalf("after %d calls, %s got %d %s", calls, who, w.Code, w.Body)
		}
	}
	// More bytes than are read at once are in calls that take long.
	for range 2*maxReading/jsonrpc.MaxMessage + 1 {
		hold("ann", text)
	}
	want("ann", text, http.StatusOK)
	// One caller does not get everything, and all together not more than there is.
	hold("ann", numbers)
	want("ann", numbers, http.StatusTooManyRequests)
	want("bob", numbers, http.StatusOK)
	hold("bob", numbers)
	hold("cid", numbers)
	want("dan", numbers, http.StatusServiceUnavailable)
	if w := post(t.Context(), "dan", `{"jsonrpc":"2.0","id":1,"method":"ping"}`); w.Code != http.StatusOK {
		t.Errorf("a short body got %d", w.Code)
	}
	stop()
	for range calls {
		<-ended
	}
	if !left(s.bodies.held, weight.Held/scale) || !left(s.limiter.of("ann").bodies.held, weight.Held/2/scale) || !left(s.bodies.reading, maxReading/scale) {
		t.Error("the calls have ended, and bytes are still reserved")
	}
}

// TestBodiesAreReadInTurn: what is reserved to read a body is its length, or the
// most that it can be, and no body is read beyond the budget.
func TestBodiesAreReadInTurn(t *testing.T) {
	t.Parallel()
	s := made(t, bare(), Options{})
	for length, reserved := range map[int64]int64{1000: 0, weight.Light: 0, 1 << 20: 1 << 20, -1: jsonrpc.MaxMessage, jsonrpc.MaxMessage + 1: 0} {
		ctx, cancel := context.WithCancel(t.Context())
		during := probing{func() {
			if !left(s.bodies.reading, maxReading-reserved) {
				t.Errorf("for %d bytes, other bytes are reserved", length)
			}
		}}
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1"+Path, during)
		r.ContentLength = length
		s.Handler().ServeHTTP(httptest.NewRecorder(), r)
		if !left(s.bodies.reading, maxReading) {
			t.Errorf("for %d bytes, not everything is given back", length)
		}
		s.bodies.reading.Try(maxReading)
		cancel()
		w := httptest.NewRecorder()
		r = r.WithContext(ctx)
		r.Body = probing{func() {
			if reserved > 0 {
				t.Errorf("a body of %d bytes is read beyond the budget", length)
			}
		}}
		s.Handler().ServeHTTP(w, r)
		if busy := w.Code == http.StatusServiceUnavailable; busy != (reserved > 0) {
			t.Errorf("without room, a body of %d bytes got %d", length, w.Code)
		}
		s.bodies.reading.Give(maxReading)
	}
}

// probing is a body that looks around when it is read, and is empty.
type probing struct{ probe func() }

func (p probing) Read([]byte) (int, error) {
	p.probe()
	return 0, context.Canceled
}

func (probing) Close() error { return nil }
