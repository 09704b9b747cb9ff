package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/tools"
)

// told is what a reader is told of a run.
type told struct {
	status   chain.State
	counts   chain.Counts
	progress *chain.Progress
	tasks    map[string]toldTask
}

type toldTask struct {
	ID       string               `json:"id"`
	Status   chain.State          `json:"status"`
	Attempts int                  `json:"attempts"`
	Elements *chain.ElementCounts `json:"elements"`
	Started  *time.Time           `json:"started_at"`
	Ended    *time.Time           `json:"completed_at"`
	Critical bool                 `json:"critical"`
}

func byID(list []toldTask) map[string]toldTask {
	all := map[string]toldTask{}
	for _, task := range list {
		all[task.ID] = task
	}
	return all
}

// toPage reads a run as a page does that opens, and toStream as one that follows.
func (s *site) toPage(id string) told {
	var run struct {
		Status chain.State
		Counts chain.Counts
		Tasks  []toldTask
	}
	s.send(http.MethodGet, "/api/runs/"+id, nil).into(s.t, &run)
	return told{run.Status, run.Counts, nil, byID(run.Tasks)}
}

func (s *site) toStream(id string) told {
	var run struct {
		Status chain.State
		Counts chain.Counts
		Tasks  []toldTask
	}
	s.follow("/api/runs/"+id+"/events?after=0", func(m message) bool {
		if err := json.Unmarshal([]byte(m.data), &run); err != nil {
			s.t.Error(err)
		}
		return false
	})
	return told{run.Status, run.Counts, nil, byID(run.Tasks)}
}

// toModel reads a run by get_run.
func (s *site) toModel(id string) told {
	s.t.Helper()
	ctx := s.t.Context()
	pending, ok := s.Set.Prepare(ctx, tools.GetRun, &tools.Request{Arguments: fmt.Appendf(nil, `{"run_id":%q}`, id)})
	if !ok {
		s.t.Fatal("get_run is not there")
	}
	var run struct {
		Status          chain.State
		Counts          chain.Counts
		Progress        *chain.Progress
		Tasks, Handlers []toldTask
	}
	res := pending.Start(ctx)
	if err := json.Unmarshal(res.Result, &run); err != nil {
		s.t.Fatalf("%v in %s", err, res.Result)
	}
	return told{run.Status, run.Counts, run.Progress, byID(append(run.Tasks, run.Handlers...))}
}

// toTerminal reads a run as chainwright graph does.
func (s *site) toTerminal(id string) told {
	s.t.Helper()
	view, err := s.Runner.Get(s.t.Context(), id, "")
	if err != nil {
		s.t.Fatal(err)
	}
	events, err := s.Runner.Events(s.t.Context(), id, "", 0)
	if err != nil {
		s.t.Fatal(err)
	}
	subject := &graph.Subject{Run: view, Now: time.Now(), Elements: graph.ElementsOf(events)}
	subject.Tasks, _ = s.Set.OutlineOf(view)
	run := subject.Draw(graph.Options{}).Run
	all := map[string]toldTask{}
	for _, state := range run.States {
		task := toldTask{ID: state.ID, Status: state.Status, Attempts: state.Attempts, Started: state.StartedAt, Ended: state.CompletedAt, Critical: state.Critical}
		if done, _ := chain.Counts(state.Elements).Done(); state.ElementsOf > 0 {
			task.Elements = &chain.ElementCounts{Done: done, Failed: state.Elements[chain.Failed], Of: state.ElementsOf}
		}
		all[state.ID] = task
	}
	return told{run.Status, run.Counts, nil, all}
}

// TestAllSayTheSame compares what a page that opens, one that follows, a model and
// the terminal are told of a run: while it goes on, and after it.
func TestAllSayTheSame(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	id := s.run("", `{"wait_seconds":0,"on_failure":"continue","document":{"tasks":[
		{"id":"many","executor":"test_steps","for_each":"${{ [range(5)] }}","inputs":{"steps":1}},
		{"id":"again","executor":"test_fail","retry":{"max_attempts":2,"initial_seconds":0.01},"inputs":{"how":"error"}},
		{"id":"late","executor":"test_echo","dependencies":["again"],"inputs":{"text":"x"}},
		{"id":"half","executor":"test_steps","dependencies":["many"],"for_each":[false,true],"inputs":{"steps":1,"hold":"${{ item }}"}},
		{"id":"ask","dependencies":["many"],"approval":{"message":"Go?"}},
		{"id":"last","executor":"test_echo","dependencies":["ask","half"],"inputs":{"text":"x"}}],
		"on_exit":[{"id":"tidy","executor":"test_echo","inputs":{"text":"x"}}]}}`)
	executortest.Await(t, "half of the run", func() bool {
		run := s.toModel(id)
		half := run.tasks["half"].Elements
		return run.tasks["late"].Status == chain.Skipped && run.tasks["ask"].Status == chain.Waiting && half != nil && half.Done == 1
	})
	compare := func(progress *chain.Progress, half chain.ElementCounts) {
		t.Helper()
		page, model := s.toPage(id), s.toModel(id)
		if got := page.tasks["half"].Elements; got == nil || *got != half {
			t.Errorf("half is %+v, want %+v", got, half)
		}
		if !reflect.DeepEqual(model.progress, progress) {
			t.Errorf("the progress is %+v, want %+v", model.progress, progress)
		}
		if got := page.tasks["again"]; got.Attempts != 2 || got.Status != chain.Failed {
			t.Errorf("%+v", got)
		}
		for name, other := range map[string]told{"stream": s.toStream(id), "get_run": model, "terminal": s.toTerminal(id)} {
			if other.status != page.status || !reflect.DeepEqual(other.counts, page.counts) {
				t.Errorf("%s: %s %v, the page has %s %v", name, other.status, other.counts, page.status, page.counts)
			}
			for id, want := range page.tasks {
				got, ok := other.tasks[id]
				if !ok && name == "stream" {
					got = toldTask{ID: id, Status: chain.Pending} // nothing has changed
				}
				if name == "get_run" {
					got.Critical = want.Critical // it has none
				}
				if !reflect.DeepEqual(got, want) {
					a, _ := json.Marshal(got)
					b, _ := json.Marshal(want)
					t.Errorf("%s: %s, the page has %s", name, a, b)
				}
			}
		}
	}
	compare(&chain.Progress{Done: 3, Of: 6}, chain.ElementCounts{Done: 1, Of: 2})
	if _, err := s.Runner.Cancel(t.Context(), id, "", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Runner.Wait(t.Context(), id, ""); err != nil {
		t.Fatal(err)
	}
	compare(nil, chain.ElementCounts{Done: 2, Of: 2})
}
