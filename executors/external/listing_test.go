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

// slowPeers are servers with one tool each. Depending on the URL, they list it
// at once, when the test closes word, or never.
type slowPeers struct {
	word  chan struct{}
	open  atomic.Int64
	asked atomic.Int64
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
	p.of.asked.Add(1)
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

// hasty waits long enough for the quick server, even on a busy machine.
func (p *slowPeers) hasty(o *external.Options) { o.Peers, o.Wait = p, time.Second }

// TestSlowServers checks that the tools of a slow server are registered when
// they arrive, and that nothing else waits for them.
func TestSlowServers(t *testing.T) {
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
	b.write("a.yaml", at(quick)) // replaces the hung server
	await("a_t b_t c_t d e")
	if open := peers.open.Load(); open != 3 {
		t.Errorf("%d connections", open)
	}
}

// TestAwait registers the tools that arrive after Open has returned.
func TestAwait(t *testing.T) {
	t.Parallel()
	peers := newSlowPeers()
	b := newBench(t, map[string]string{"a.yaml": at(slow)}, peers.hasty)
	if b.ids() != "" {
		t.Fatal(b.ids())
	}
	close(peers.word)
	if !b.folder.Await(t.Context()) || b.ids() != "a_t" || b.folder.Await(t.Context()) {
		t.Errorf("%s; %s", b.ids(), b.problems())
	}
}

// TestListingsAreCancelled checks that a pending server is closed when its file
// is removed or the folder is closed.
func TestListingsAreCancelled(t *testing.T) {
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

// TestConflictingServers checks that two servers with the same tool ID are not
// queried forever.
func TestConflictingServers(t *testing.T) {
	t.Parallel()
	peers := newSlowPeers()
	b := newBench(t, map[string]string{"a.yaml": at(quick), "b.yaml": "run: {kind: mcp, url: \"" + quick + "\", prefix: a}"}, func(o *external.Options) { o.Peers = peers })
	taken := "is already used by "
	if b.ids() != "a_t" || !strings.Contains(b.problems(), taken) || b.folder.Await(t.Context()) {
		t.Fatalf("%s; %s", b.ids(), b.problems())
	}
	if peers.open.Load() != 1 {
		t.Errorf("%d connections", peers.open.Load())
	}
}

// TestProblemsWaitForServers checks that a problem which a pending server may
// resolve is not logged before that server answers.
func TestProblemsWaitForServers(t *testing.T) {
	t.Parallel()
	peers := newSlowPeers()
	var log bytes.Buffer
	b := newBench(t, map[string]string{"a.yaml": at(slow), "b.yaml": "run: {kind: tree}"}, peers.hasty, func(o *external.Options) { o.Log = zerolog.New(&log) })
	if log.Len() != 0 || !strings.Contains(b.problems(), "b.yaml:1: ") {
		t.Fatalf("%s; %s", &log, b.problems())
	}
	close(peers.word)
	b.folder.Await(t.Context())
	if !strings.Contains(log.String(), "b.yaml:1: ") {
		t.Errorf("%s; %s", &log, b.problems())
	}
}

// TestOnDemand checks that only the server whose tool is needed is asked.
func TestOnDemand(t *testing.T) {
	t.Parallel()
	peers := newSlowPeers()
	b := newBench(t, map[string]string{"a.yaml": at(hung), "c.yaml": at(quick), "d.yaml": runs(t, "d", "echo"), "e.yaml": at(quick)},
		func(o *external.Options) { o.Peers, o.OnDemand = peers, true })
	b.registry.OnMissing(b.folder.Need)
	for _, id := range []string{"d", "nothing", "a", "c"} {
		if _, ok := b.registry.Lookup(id); ok != (id == "d") {
			t.Errorf("%s: %v", id, ok)
		}
	}
	if b.ids() != "d" || peers.asked.Load() != 0 {
		t.Fatalf("%s; %d servers were asked", b.ids(), peers.asked.Load())
	}
	for range 2 {
		if _, ok := b.registry.Lookup("c_t"); !ok || b.ids() != "c_t d" || peers.asked.Load() != 1 {
			t.Errorf("%v; %s; %d servers were asked", ok, b.ids(), peers.asked.Load())
		}
	}
	if _, ok := b.registry.Lookup("c_u"); ok || peers.asked.Load() != 1 {
		t.Errorf("%v; %d servers were asked", ok, peers.asked.Load())
	}
	if err := b.folder.Close(); err != nil || peers.open.Load() != 1 {
		t.Errorf("%v; %d connections", err, peers.open.Load())
	}
}

// TestAFolderThatDoesNotAnswer checks that a folder on a file system that has gone
// blocks neither the start nor the end, and is read when it answers.
func TestAFolderThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	answers := make(chan struct{})
	var asked atomic.Int32
	b := newBench(t, map[string]string{"d.yaml": runs(t, "d", "echo")}, func(o *external.Options) {
		o.ReadWith(func(dir string) ([]string, error) {
			asked.Add(1)
			<-answers
			return external.ListFolder(dir)
		})
	})
	if b.ids() != "" || !strings.Contains(b.problems(), "does not answer") {
		t.Fatalf("%s; %s", b.ids(), b.problems())
	}
	b.folder.Reload()
	if n := asked.Load(); n != 1 {
		t.Errorf("it was asked %d times while it did not answer", n)
	}
	await := b.watch()
	close(answers)
	await("d")
	if b.problems() != "" {
		t.Error(b.problems())
	}
}
