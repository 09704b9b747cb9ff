package sequential

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// TestKilled kills a batch at half and starts it again, with another number of
// workers and ten more rows. No row is lost, and no row in the journal is
// requested again: at most the requests in flight are repeated.
func TestKilled(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts and kills a process")
	}
	for _, c := range []struct{ first, then int }{{8, 3}, {1, 16}, {64, 64}, {32, 1}} {
		t.Run(fmt.Sprintf("%d workers, then %d", c.first, c.then), func(t *testing.T) {
			t.Parallel()
			killed(t, c.first, c.then)
		})
	}
}

// killed kills a batch and starts it again.
func killed(t *testing.T, workers, then int) {
	const n = 600
	f := &faulty{asked: map[string]int{}, reached: make(chan struct{}), after: n / 2, held: true}
	server := llmtest.New(t, llmtest.Script{Answer: f.answer}).Quiet()
	opts := options(t, lines(0, n))
	given, err := json.Marshal(childFile{opts.Input, opts.Output, opts.TaskKey, workers})
	if err != nil {
		t.Fatal(err)
	}
	program := exec.Command(os.Args[0])
	program.Env = append(os.Environ(), childVariable+"="+string(given), "OPENAI_API_KEY="+llmtest.Key, "OPENAI_BASE_URL="+server.URL+"/v1")
	program.Stderr = os.Stderr
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	<-f.reached
	if err := program.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := program.Wait(); err == nil {
		t.Fatal("it was done before it was killed")
	}
	before := f.total()
	f.mu.Lock()
	f.held = false
	f.mu.Unlock()
	if _, err := os.Stat(opts.Output); err == nil {
		t.Error("there is an output that is not whole")
	}

	put(t, opts.Input, lines(0, n+10))
	opts.Workers, opts.Meter = then, llm.NewMeter(llm.Ceiling{}, nil)
	report, err := runTable(t.Context(), client(server, opts.Workers), opts)
	if err != nil {
		t.Fatal(err)
	}
	if report.Counts != (Counts{OK: n + 10}) {
		t.Errorf("counts: %+v", report.Counts)
	}
	for i, row := range written(t, opts.Output) {
		checkRow(t, row, i, false)
	}
	if repeats := f.total() - (n + 10); repeats < 0 || repeats > workers {
		t.Errorf("%d requests before it was killed and %d after: %d repeats with %d workers", before, f.total()-before, repeats, workers)
	}
	if used := opts.Meter.Used(); used.Requests != n+10 {
		t.Errorf("the journal and this start took %d requests together", used.Requests)
	}
	all := f.total()
	if _, err := runTable(t.Context(), client(server, 4), opts); err != nil || f.total() != all {
		t.Errorf("a third start: %v, %d requests more", err, f.total()-all)
	}
}
