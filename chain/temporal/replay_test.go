//go:build temporal

package temporal_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	enums "go.temporal.io/api/enums/v1"
	history "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/chain/temporal"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// replayed are the trees whose histories are kept in testdata. A change of the
// workflow must be able to continue runs that began before it.
var replayed = map[string]string{
	"tree": `{"outputs":{"sum":"${{ tasks.each.result | length }}"},"tasks":[
		{"id":"a","executor":"probe","inputs":{"value":1}},
		{"id":"again","executor":"probe","retry":{"max_attempts":3},"inputs":{"fail":"once","times":1,"retryable":true}},
		{"id":"no","executor":"probe","when":"${{ tasks.a.result.value > 1 }}"},
		{"id":"each","executor":"probe","for_each":[1,2,3],"inputs":{"value":"${{ item }}"}},
		{"id":"bad","executor":"probe","inputs":{"fail":"no"}},
		{"id":"behind","executor":"probe","dependencies":["bad"]}],
		"on_failure":[{"id":"told","executor":"probe"}]}`,
	"cancelled": `[{"id":"a","executor":"probe","inputs":{"sleep":60,"mark":"a"}},{"id":"b","executor":"probe","dependencies":["a"]}]`,
	"question":  `[{"id":"ask","approval":{"message":"go on?","timeout":0.05,"on_timeout":"skip"}},{"id":"b","executor":"probe"}]`,
}

func replayer() worker.WorkflowReplayer {
	r := worker.NewWorkflowReplayer()
	r.RegisterWorkflowWithOptions(temporal.RunTree, workflow.RegisterOptions{Name: temporal.WorkflowRun})
	return r
}

// The workflow decides the same when a kept history is replayed.
func TestReplay(t *testing.T) {
	t.Parallel()
	for name := range replayed {
		if err := replayer().ReplayWorkflowHistoryFromJSONFile(silent{}, kept(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func kept(name string) string { return filepath.Join("testdata", "histories", name+".json") }

// The same holds for the history of a run of now. A history that is not kept yet is
// written.
func TestTemporalReplay(t *testing.T) {
	t.Parallel()
	server := peers.StartTemporal(t)
	b := bench(t, server, memory.Open(memory.Options{}), true)
	c, err := client.DialContext(t.Context(), client.Options{HostPort: server.Addr, Logger: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for name, tree := range replayed {
		run, err := b.Start(t.Context(), b.Tree(t, tree), chain.RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if name == "cancelled" {
			b.Probes.Await(t, "a")
			if _, err := b.Cancel(t.Context(), run.ID, "", ""); err != nil {
				t.Fatal(err)
			}
		}
		b.End(t, run.ID)
		_ = c.GetWorkflow(t.Context(), run.ID, "").Get(t.Context(), nil) // how it ended is in the record
		var all history.History
		for events := c.GetWorkflowHistory(t.Context(), run.ID, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
			event, err := events.Next()
			if err != nil {
				t.Fatal(err)
			}
			all.Events = append(all.Events, event)
		}
		if err := replayer().ReplayWorkflowHistory(silent{}, &all); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(kept(name)); !errors.Is(err, os.ErrNotExist) {
			continue
		}
		text, err := protojson.MarshalOptions{Multiline: true}.Marshal(&all)
		if err == nil {
			err = os.WriteFile(kept(name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
