//go:build temporal

package temporal_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/internal/enginetest"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/chain/temporal"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// A run is continued only by programs of the build that started it: others would
// decide otherwise about its history.
func TestTemporalBuilds(t *testing.T) {
	t.Parallel()
	server := peers.StartTemporal(t)
	records := memory.Open(memory.Options{})
	queue := fmt.Sprintf("builds-%d", queues.Add(1))
	of := func(build string, work bool) *enginetest.Bench {
		return bench(t, server, records, work, func(o *temporal.Options) { o.Queue, o.Build = queue, build })
	}
	tree := func(mark string) string {
		return fmt.Sprintf(`[{"id":"a","executor":"probe","inputs":{"sleep":1,"mark":"%[1]s"}},{"id":"b","executor":"probe","dependencies":["a"],"inputs":{"mark":"%[1]s"}}]`, mark)
	}
	starter, old := of("1", false), of("1", true)
	first, err := starter.Start(t.Context(), starter.Tree(t, tree("first")), chain.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	old.Probes.Await(t, "first")
	if err := old.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := of("2", true)
	v := next.RunTree(t, tree("second"), chain.RunOptions{})
	if v.Status != chain.Completed || next.Probes.Called("a") != 1 || next.Probes.Called("b") != 1 {
		t.Errorf("the run of the next build is %s with %v", v.Status, v.Counts)
	}
	if v, err = next.Get(t.Context(), first.ID, ""); err != nil || v.Status != chain.InProgress {
		t.Errorf("the run of the build before is %s without its workers: %v", v.Status, err)
	}
	again := of("1", true)
	if v = again.End(t, first.ID); v.Status != chain.Completed || slices.Contains(next.Probes.Seen(), "first") {
		t.Errorf("the run is %s with %v; the next build did %v", v.Status, v.Counts, next.Probes.Seen())
	}

	// Doctor tells of runs that no program of their build continues.
	third := of("3", false)
	if _, err := third.Start(t.Context(), third.Tree(t, tree("third")), chain.RunOptions{}); err != nil {
		t.Fatal(err)
	}
	var state *temporal.State
	executortest.Await(t, "the server counts the run", func() bool {
		if state, err = temporal.Examine(t.Context(), temporal.Address{Host: server.Addr, Namespace: "default"}); err != nil {
			t.Fatal(err)
		}
		return state.Runs == 1 && state.OtherBuilds == 1
	})
	if want := []string{queue + "-3"}; state.Server == "" || state.Workers != 0 || !slices.Equal(state.Deserted, want) {
		t.Errorf("the server says %+v, and no worker serves %v", state, want)
	}
}

// Doctor tells what is wrong with the address of an engine.
func TestTemporalExamined(t *testing.T) {
	t.Parallel()
	server := peers.StartTemporal(t)
	for name, c := range map[string]struct {
		at   temporal.Address
		want executors.ErrorType
	}{
		"no server":    {temporal.Address{Host: "127.0.0.1:1", Namespace: "default"}, executors.NetworkError},
		"no namespace": {temporal.Address{Host: server.Addr, Namespace: "none"}, executors.NotFound},
		"all is well":  {temporal.Address{Host: server.Addr, Namespace: "default"}, ""},
	} {
		state, err := temporal.Examine(t.Context(), c.at)
		switch {
		case c.want != "" && (err == nil || executors.AsError(err).Type != c.want):
			t.Errorf("%s: %v, not %s", name, err, c.want)
		case c.want == "" && (err != nil || state.Queue != "chainwright-1" || state.Runs != 0):
			t.Errorf("%s: %+v, %v", name, state, err)
		}
	}
}
