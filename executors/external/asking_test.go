package external_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/external"
)

// slowPeers are servers with one tool each, which they tell at once, at the
// test's word, or never, by their URL.
type slowPeers struct {
	word chan struct{}
	open atomic.Int64
}

func newSlowPeers() *slowPeers { return &slowPeers{word: make(chan struct{})} }

func (p *slowPeers) Peer(spec external.PeerSpec) (external.Peer, error) {
	p.open.Add(1)
	return &slowPeer{of: p, url: spec.URL}, nil
}

type slowPeer struct {
	of  *slowPeers
	url string
}

func (p *slowPeer) Tools(ctx context.Context) ([]external.PeerTool, error) {
	var word chan struct{} // never
	switch p.url {
	case quick:
		return []external.PeerTool{{Name: "t"}}, nil
	case slow:
		word = p.of.word
	}
	select {
	case <-word:
		return []external.PeerTool{{Name: "t"}}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *slowPeer) Call(context.Context, *executors.Call, string) (any, error) {
	return nil, errors.New("nobody calls")
}

func (p *slowPeer) Close() error { p.of.open.Add(-1); return nil }

const quick, slow, hung = "http://quick", "http://slow", "http://hung"

func at(url string) string { return "run: {kind: mcp, url: \"" + url + "\"}" }

// hasty waits for what is quick, on a busy machine too.
func (p *slowPeers) hasty(o *external.Options) { o.Peers, o.Wait = p, time.Second }

// What takes its time comes when it is there, and holds up nothing else.
func TestServersThatTakeTheirTime(t *testing.T) {
	t.Parallel()
	peers := newSlowPeers()
	b := newBench(t, map[string]string{
		"a.yaml": at(hung), "b.yaml": at(slow), "c.yaml": at(quick), "d.yaml": runs(t, "d", "echo"),
	}, peers.hasty)
	if b.ids() != "c_t d" || b.problems() != "" {
		t.Fatalf("%s; %s", b.ids(), b.problems())
	}
	await := b.watch()
	b.write("e.yaml", runs(t, "e", "echo"))
	await("c_t d e")
	close(peers.word)
	await("b_t c_t d e")
	b.write("a.yaml", at(quick)) // as one does with a server that hangs
	await("a_t b_t c_t d e")
	if open := peers.open.Load(); open != 3 {
		t.Errorf("%d connections", open)
	}
}

// Await takes what comes after the wait.
func TestAwait(t *testing.T) {
	t.Parallel()
	peers := newSlowPeers()
	b := newBench(t, map[string]string{"a.yaml": at(slow)}, peers.hasty)
	if b.ids() != "" {
		t.Fatal(b.ids())
	}
	close(peers.word)
	if !b.folder.Await() || b.ids() != "a_t" || b.folder.Await() {
		t.Errorf("%s; %s", b.ids(), b.problems())
	}
}

// A server is given up with its file, or with the folder, whatever it has
// said meanwhile.
func TestServersThatAreGivenUp(t *testing.T) {
	t.Parallel()
	peers := newSlowPeers()
	b := newBench(t, map[string]string{"a.yaml": at(hung)}, peers.hasty)
	b.remove("a.yaml")
	b.folder.Reload()
	if open := peers.open.Load(); open != 0 || b.problems() != "" {
		t.Fatalf("%d connections; %s", open, b.problems())
	}
	b = newBench(t, map[string]string{"a.yaml": at(hung), "b.yaml": at(slow)}, peers.hasty)
	close(peers.word)
	if err := b.folder.Close(); err != nil || b.ids() != "" || peers.open.Load() != 0 {
		t.Errorf("%v; %s; %d connections", err, b.ids(), peers.open.Load())
	}
}

// Two servers with one id for their tools are not asked for ever.
func TestServersThatWantOneID(t *testing.T) {
	t.Parallel()
	peers := newSlowPeers()
	b := newBench(t, map[string]string{"a.yaml": at(quick), "b.yaml": "run: {kind: mcp, url: \"" + quick + "\", prefix: a}"}, func(o *external.Options) { o.Peers = peers })
	taken := "is taken by "
	if b.ids() != "a_t" || !strings.Contains(b.problems(), taken) || b.folder.Await() {
		t.Fatalf("%s; %s", b.ids(), b.problems())
	}
	if peers.open.Load() != 1 {
		t.Errorf("%d connections", peers.open.Load())
	}
}

// What may be whole when a server has answered is not called broken before.
func TestBrokenUntilAServerAnswers(t *testing.T) {
	t.Parallel()
	peers := newSlowPeers()
	var log bytes.Buffer
	b := newBench(t, map[string]string{"a.yaml": at(slow), "b.yaml": "run: {kind: tree}"}, peers.hasty, func(o *external.Options) { o.Log = zerolog.New(&log) })
	if log.Len() != 0 || !strings.Contains(b.problems(), "b.yaml:1: ") {
		t.Fatalf("%s; %s", &log, b.problems())
	}
	close(peers.word)
	b.folder.Await()
	if !strings.Contains(log.String(), "b.yaml:1: ") {
		t.Errorf("%s; %s", &log, b.problems())
	}
}
