package toxic

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shirou/gopsutil/v4/net"

	"github.com/chainwright/chainwright/executors"
)

// Peer describes the server that an executor calls, and one call.
type Peer struct {
	// Address is the server's host:port.
	Address string
	// Open creates the executor with a policy that allows the address.
	Open func(tb testing.TB, address string) *executors.Registry
	// Executor is its id. Inputs returns the inputs of a call to the address.
	Executor string
	Inputs   func(address string) string
	// Answer is part of the result of each successful call: the end of the
	// server's answer.
	Answer string
	// Tail is the distance in bytes from the middle of the answer to the end of
	// everything that the server sends; 0 means 1000.
	Tail int64
	// Mid is the middle of the answer, counted from the start, for answers that
	// have a connection of their own.
	Mid int64
	// Keeps says that connections are reused by the next call. Faults are then
	// tested on reused connections too.
	Keeps bool
	// Once says that a call must not be repeated if it may have had its effect.
	Once bool
	// Amid tests only the faults in the middle of the answer.
	Amid bool
	// Names are the names for the server that errors may use instead of its
	// address.
	Names []string
	// Secret must not appear in any error.
	Secret string
	// Left returns what calls have left behind, at the server or here. It must
	// soon return nothing.
	Left func(address string) []string
	// Grace is how long a call may go on after its timeout; 0 means 5 s.
	Grace time.Duration
	// Except names faults with another outcome here; "" is success.
	Except map[string]executors.ErrorType
}

// lingers is the name of the toxic that makes connections end with a reset.
const lingers = "lingers"

// fault is one fault of a network.
type fault struct {
	name   string
	toxics []string // of the library, active from the start
	strike func(n *Network, mid int64)
	amid   bool                // it happens in the middle of the answer
	ends   executors.ErrorType // "" for success
}

var faults = []fault{
	{name: "late", toxics: []string{`{"type": "latency", "attributes": {"latency": 50, "jitter": 10}}`}},
	{name: "shredded", toxics: []string{`{"type": "slicer", "attributes": {"average_size": 40, "size_variation": 30, "delay": 100}}`}},
	{name: "narrow", toxics: []string{`{"type": "bandwidth", "attributes": {"rate": 50}}`}},
	{name: "slow to close", toxics: []string{
		`{"type": "slow_close", "attributes": {"delay": 60000}}`, `{"type": "slow_close", "stream": "upstream", "attributes": {"delay": 60000}}`,
	}},
	{name: "too late", toxics: []string{`{"type": "latency", "attributes": {"latency": 60000}}`}, ends: executors.TimeoutError},
	{name: "silent", strike: func(n *Network, _ int64) { n.Silence(0) }, ends: executors.TimeoutError},
	{name: "silent in mid-answer", strike: (*Network).Silence, amid: true, ends: executors.TimeoutError},
	{name: "a trickle", strike: (*Network).Trickle, amid: true, ends: executors.TimeoutError},
	{name: "cut before the answer", strike: func(n *Network, _ int64) { n.Cut(0) }, ends: executors.NetworkError},
	{name: "cut after a few bytes", strike: func(n *Network, _ int64) { n.Cut(20) }, ends: executors.NetworkError},
	{name: "cut in mid-answer", strike: (*Network).Cut, amid: true, ends: executors.NetworkError},
	{name: "reset before the answer", toxics: []string{linger}, strike: func(n *Network, _ int64) { n.Cut(0) }, ends: executors.NetworkError},
	{name: "reset in mid-answer", toxics: []string{linger}, strike: (*Network).Cut, amid: true, ends: executors.NetworkError},
	{name: "refused", strike: func(n *Network, _ int64) { n.Down() }, ends: executors.NetworkError},
}

// linger makes the library end connections with a reset. With toxicity 0 the
// toxic itself does nothing.
const linger = `{"name": "` + lingers + `", "type": "reset_peer", "toxicity": 0, "attributes": {"timeout": 0}}`

const (
	enough  = 30 * time.Second       // the timeout of calls that succeed
	tooLong = 500 * time.Millisecond // the timeout of calls that get no answer
)

// Faults checks an executor on bad networks. On a slow network a call succeeds
// with the complete result. On a broken one it fails in time, with the right
// error type and the server's name. Nothing is left behind, and the next call
// succeeds.
func Faults(t *testing.T, p Peer) {
	t.Helper()
	first, next := p.measure(t)
	for _, f := range faults {
		if p.Amid && !f.amid {
			continue
		}
		if !p.Keeps || !f.amid { // reused connections are tested below
			p.try(t, f, first, false)
		}
		if p.Keeps && f.strike != nil {
			p.try(t, f, next, true)
		}
	}
}

// measure returns the position of the middle of the answer on a new connection,
// and on a reused one.
func (p Peer) measure(t *testing.T) (first, next int64) {
	t.Helper()
	if p.Mid > 0 {
		return p.Mid, p.Mid
	}
	p.succeeds(t, p.Open(t, p.Address), &Network{Address: p.Address}) // servers send more the first time
	network := New(t, p.Address)
	registry := p.Open(t, network.Address)
	tail := p.Tail
	if tail == 0 {
		tail = 1000
	}
	p.succeeds(t, registry, network)
	first = network.Sent()
	p.succeeds(t, registry, network)
	next = network.Sent() - first
	if first <= tail || next <= tail {
		t.Fatalf("the server sends %d and %d bytes; too few to cut off the last %d", first, next, tail)
	}
	return first - tail, next - tail
}

func (p Peer) try(t *testing.T, f fault, mid int64, kept bool) {
	t.Helper()
	name := f.name
	if kept {
		name += ", on a reused connection"
	}
	if ends, ok := p.Except[name]; ok {
		f.ends = ends
	}
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		network := New(t, p.Address, f.toxics...)
		t.Cleanup(func() { none(t, "connections", func() []string { return connections(network.Address) }) })
		registry := p.Open(t, network.Address)
		if kept {
			p.succeeds(t, registry, network)
		}
		if f.strike != nil {
			f.strike(network, mid)
		}
		if f.ends == "" {
			p.succeeds(t, registry, network)
		} else {
			p.fails(t, registry, network, f)
		}
		if !p.Keeps {
			none(t, "connections", func() []string { return connections(network.Address) })
		}
		network.Heal(t)
		p.succeeds(t, registry, network)
	})
}

func (p Peer) call(t *testing.T, registry *executors.Registry, network *Network, timeout time.Duration) executors.Outcome {
	t.Helper()
	inputs, refused := registry.ResolveInputs(p.Executor, json.RawMessage(p.Inputs(network.Address)))
	if refused != nil {
		t.Fatalf("inputs: %v", refused)
	}
	begin := time.Now()
	outcome := registry.Invoke(t.Context(), p.Executor, &executors.Call{Inputs: inputs, Attempt: 1}, timeout)
	grace := p.Grace
	if grace == 0 {
		grace = 5 * time.Second
	}
	if took := time.Since(begin); took > timeout+grace {
		t.Errorf("the call took %s, with a timeout of %s", took, timeout)
	}
	if p.Left != nil {
		none(t, "things", func() []string { return p.Left(network.Address) })
	}
	return outcome
}

func (p Peer) succeeds(t *testing.T, registry *executors.Registry, network *Network) {
	t.Helper()
	outcome := p.call(t, registry, network, enough)
	if outcome.Err != nil || !strings.Contains(string(outcome.Result), p.Answer) {
		t.Fatalf("the call failed, or its answer is incomplete: %+v, %.300s", outcome.Err, outcome.Result)
	}
}

func (p Peer) fails(t *testing.T, registry *executors.Registry, network *Network, f fault) {
	t.Helper()
	timeout := enough
	if f.ends == executors.TimeoutError {
		timeout = tooLong
	}
	outcome := p.call(t, registry, network, timeout)
	if outcome.Err == nil || outcome.Err.Type != f.ends {
		t.Fatalf("got the error %+v; want a %s; the result is %.300s", outcome.Err, f.ends, outcome.Result)
	}
	if again := !p.Once || !f.amid; f.ends == executors.NetworkError && outcome.Err.Retryable != again {
		t.Errorf("Retryable = %v; want %v: %s", outcome.Err.Retryable, again, outcome.Err.Message)
	}
	names := append([]string{network.Address}, p.Names...)
	if !slices.ContainsFunc(names, func(name string) bool { return strings.Contains(outcome.Err.Message, name) }) {
		t.Errorf("the error does not name the server (%q): %s", names, outcome.Err.Message)
	}
	if said := outcome.Err.Message + " " + outcome.Err.Hint; p.Secret != "" && strings.Contains(said, p.Secret) {
		t.Errorf("the error contains the secret: %s", said)
	}
	var result struct {
		Success bool `json:"success"`
	}
	if len(outcome.Result) > 0 && (json.Unmarshal(outcome.Result, &result) != nil || result.Success) {
		t.Errorf("the call failed, but its result is %.300s", outcome.Result)
	}
}

// none fails the test unless list soon returns nothing.
func none(t *testing.T, what string, list func() []string) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for begin := time.Now(); ; <-again.C {
		left := list()
		if len(left) == 0 {
			return
		}
		if time.Since(begin) > 5*time.Second {
			t.Errorf("%s were left behind: %q", what, left)
			return
		}
	}
}

// connections returns the states of this process's connections to an address,
// including those that the server has closed.
func connections(address string) []string {
	all, err := net.ConnectionsPid("tcp", int32(os.Getpid())) //nolint:gosec // a process id
	if err != nil {
		return []string{err.Error()}
	}
	_, port, _ := strings.Cut(address, ":")
	var found []string
	for _, each := range all {
		if slices.Contains([]string{"ESTABLISHED", "CLOSE_WAIT"}, each.Status) && strconv.Itoa(int(each.Raddr.Port)) == port {
			found = append(found, each.Status)
		}
	}
	return found
}
