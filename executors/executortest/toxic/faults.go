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

// Peer is what an executor talks to, and one call of it.
type Peer struct {
	// Address is where the peer is, as host:port.
	Address string
	// Open makes the executor, behind a policy that lets it dial an address.
	Open func(tb testing.TB, address string) *executors.Registry
	// Executor is its id, and Inputs are those of a call by way of an address.
	Executor string
	Inputs   func(address string) string
	// Answer is in the result of each call that succeeds: the last of what
	// the peer says.
	Answer string
	// Tail is how far from the end of all that the peer sends the middle of
	// its answer is; 1000 bytes where it is 0.
	Tail int64
	// Mid is where that is, counted from the beginning, for answers that come
	// over a connection of their own.
	Mid int64
	// Keeps says that connections are kept for the next call: they break too.
	Keeps bool
	// Once says that a call must not be made again when it may have been done.
	Once bool
	// Amid leaves all faults out but those in the middle of the answer.
	Amid bool
	// Names are how failures may call the peer beside its address.
	Names []string
	// Secret is in no failure.
	Secret string
	// Left gives what calls by way of an address have left at the peer or
	// here, which must be nothing soon after each.
	Left func(address string) []string
	// Grace is how much longer than its time-out a call may take; 5 s where
	// it is 0.
	Grace time.Duration
	// Except names faults that end in another way here; empty: in success.
	Except map[string]executors.ErrorType
}

// lingers is the name of the toxic that makes connections end by a reset.
const lingers = "lingers"

// fault is one thing that can be wrong with a network.
type fault struct {
	name   string
	toxics []string // of the library, there from the beginning
	strike func(n *Network, mid int64)
	amid   bool                // it strikes in the middle of the answer
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

// linger is the library's toxic that resets connections, which does nothing
// itself here: it is only there so that they end in that way.
const linger = `{"name": "` + lingers + `", "type": "reset_peer", "toxicity": 0, "attributes": {"timeout": 0}}`

const (
	enough  = 30 * time.Second       // for any call that succeeds
	tooLong = 500 * time.Millisecond // what calls that hear nothing get
)

// Faults holds an executor to what it must do on a bad network: what is only
// bad succeeds, whole; what is broken fails in time, as what it is, and tells
// with whom; nothing is left of it; and the next call succeeds.
func Faults(t *testing.T, p Peer) {
	t.Helper()
	first, next := p.measure(t)
	for _, f := range faults {
		if p.Amid && !f.amid {
			continue
		}
		if !p.Keeps || !f.amid { // what is before the answer is the same then
			p.try(t, f, first, false)
		}
		if p.Keeps && f.strike != nil {
			p.try(t, f, next, true)
		}
	}
}

// measure gives where the middle of the answer is over a new connection, and
// over one that was kept.
func (p Peer) measure(t *testing.T) (first, next int64) {
	t.Helper()
	if p.Mid > 0 {
		return p.Mid, p.Mid
	}
	p.succeeds(t, p.Open(t, p.Address), &Network{Address: p.Address}) // peers do more the first time
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
		t.Fatalf("the peer sends %d and %d bytes, of which the last %d are to be cut off", first, next, tail)
	}
	return first - tail, next - tail
}

func (p Peer) try(t *testing.T, f fault, mid int64, kept bool) {
	t.Helper()
	name := f.name
	if kept {
		name += ", on a connection that was kept"
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
		t.Fatalf("the inputs: %v", refused)
	}
	begin := time.Now()
	outcome := registry.Invoke(t.Context(), p.Executor, &executors.Call{Inputs: inputs, Attempt: 1}, timeout)
	grace := p.Grace
	if grace == 0 {
		grace = 5 * time.Second
	}
	if took := time.Since(begin); took > timeout+grace {
		t.Errorf("the call took %s, with a time-out of %s", took, timeout)
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
		t.Fatalf("the call failed, or its answer is not whole: %+v, %.300s", outcome.Err, outcome.Result)
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
		t.Fatalf("the failure is %+v; want a %s; the result %.300s", outcome.Err, f.ends, outcome.Result)
	}
	if again := !p.Once || !f.amid; f.ends == executors.NetworkError && outcome.Err.Retryable != again {
		t.Errorf("it says %v of whether to try again; want %v: %s", outcome.Err.Retryable, again, outcome.Err.Message)
	}
	names := append([]string{network.Address}, p.Names...)
	if !slices.ContainsFunc(names, func(name string) bool { return strings.Contains(outcome.Err.Message, name) }) {
		t.Errorf("the failure does not say with whom (%q): %s", names, outcome.Err.Message)
	}
	if said := outcome.Err.Message + " " + outcome.Err.Hint; p.Secret != "" && strings.Contains(said, p.Secret) {
		t.Errorf("the failure shows the secret: %s", said)
	}
	var result struct {
		Success bool `json:"success"`
	}
	if len(outcome.Result) > 0 && (json.Unmarshal(outcome.Result, &result) != nil || result.Success) {
		t.Errorf("it failed, and the result is %.300s", outcome.Result)
	}
}

// none fails the test where something does not go away soon.
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
			t.Errorf("there are %s left: %q", what, left)
			return
		}
	}
}

// connections are those that this process holds to an address, whether or not
// its end was heard of.
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
