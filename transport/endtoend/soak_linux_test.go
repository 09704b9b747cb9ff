package endtoend

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
	"github.com/chainwright/chainwright/transport/mcp/client"
)

// soakVariable is the environment variable with the duration of the soak test.
const soakVariable = "CHAINWRIGHT_TEST_SOAK"

// sample is what a server takes at one time: bytes of memory, and bytes of each
// kind of its files.
type sample struct {
	memory int64
	files  map[string]int64
}

// The kinds of files. All but the kept trail are bounded by settings.
const (
	recordFiles = "records"    // the stores of runs with their logs of writes
	trailFiles  = "audit"      // audit.jsonl, which is rotated
	keptFiles   = "kept audit" // a line for each call that changes something, for seven days
	otherFiles  = "batches and settings"
)

const (
	soakRecords = 32 << 20 // records.max_bytes, of each of two stores
	soakTrail   = 1 << 20  // policy.audit.max_bytes: four files in each of four homes
	// keptChange is more than the bytes of a line of the audit trail here. Nested
	// trees that change something have a line as well.
	keptChange = 400
)

// TestSoak keeps three servers over one store at about half load with calls, trees
// and batches, and kills two of them from time to time. The memory of the third
// one and the bounded files stay as they are, and the kept audit trail grows with
// the calls that change something only.
func TestSoak(t *testing.T) {
	text := os.Getenv(soakVariable)
	if text == "" {
		t.Skip(soakVariable + " is not set: `make soak` runs this test for 30 minutes")
	}
	lasts, err := time.ParseDuration(text)
	require.NoError(t, err)
	folder := t.TempDir()
	records := sqlite.Open(filepath.Join(folder, "runs.db"), sqlite.Options{})
	defer records.Close()
	peer := newCounter(t, took)
	model := llmtest.New(t, llmtest.Script{Answer: func(llmtest.Request) llmtest.Step {
		return llmtest.Step{Text: `{"subsequent_task": "after", "composition_task": "both"}`, Delay: 5 * time.Millisecond}
	}})
	c := newCrew(t, 3, map[string]any{
		"store": "sqlite:" + filepath.Join(folder, "runs.db"), "records": map[string]any{"max_bytes": soakRecords},
		"policy": map[string]any{"audit": map[string]any{"max_bytes": soakTrail}, "network": map[string]any{"allow": []string{strings.TrimPrefix(peer.URL, "http://")}}},
	})
	h := newHome(t, map[string]any{
		"llm":     map[string]any{"provider": "openai", "model": "m", "max_tokens_total": 0},
		"records": map[string]any{"max_bytes": soakRecords}, "policy": map[string]any{"audit": map[string]any{"max_bytes": soakTrail}},
	})
	h.variables = []string{"OPENAI_API_KEY=" + llmtest.Key, "OPENAI_BASE_URL=" + model.URL + "/v1"}

	end := time.Now().Add(lasts)
	going := func() bool { return time.Now().Before(end) }
	var all sync.WaitGroup
	var calls, batches, kills atomic.Int64
	for range 4 { // half of the time
		all.Go(func() {
			conn, err := client.HTTP(t.Context(), "http://"+c.addresses[0]+"/mcp", client.Options{Name: "soak", Version: "1", Revision: revision})
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			for going() {
				begun := time.Now()
				for range 20 {
					if _, err := conn.Call(t.Context(), "data_processor", map[string]any{"operation": "sum", "data": []int{1, 2, 3}}); err != nil {
						t.Error(err)
						return
					}
					calls.Add(1)
				}
				time.Sleep(3 * time.Since(begun)) // there is other work
			}
		})
	}
	var mu sync.Mutex
	type begun struct {
		id  string
		run int
		at  time.Time
	}
	var recent []begun
	var judged atomic.Int64
	all.Go(func() {
		for run := 0; going(); run++ {
			envelope := c.call(run, "run_task_tree", workTree(peer.URL, run, run%2 == 1))
			id, _ := envelope["run_id"].(string)
			if id == "" {
				t.Errorf("run %d was not started: %v", run, envelope)
				continue
			}
			mu.Lock()
			recent = append(recent, begun{id, run, time.Now()})
			mu.Unlock()
			time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
		}
	})
	all.Go(func() { // every run ends, in reasonable time
		for {
			mu.Lock()
			list := slices.Clone(recent)
			mu.Unlock()
			if len(list) == 0 && !going() {
				return
			}
			for i, each := range list {
				row, err := records.Run(t.Context(), each.id)
				if err != nil && time.Since(each.at) < 5*time.Second || err == nil && row.CompletedAt.IsZero() {
					if time.Since(each.at) < 5*time.Minute {
						list = list[:i]
						break
					}
					t.Errorf("run %s does not end: %v, %v", each.id, row, err)
				}
				if err == nil && row.Status != "completed" && each.run%2 == 0 {
					t.Errorf("run %s is %s: %+v", each.id, row.Status, row.Problem)
				}
				judged.Add(1)
			}
			mu.Lock()
			recent = recent[len(list):]
			mu.Unlock()
			time.Sleep(200 * time.Millisecond)
		}
	})
	all.Go(func() {
		for n := 0; going(); n++ {
			in, out := filepath.Join(h.dir, "in.jsonl"), filepath.Join(h.dir, fmt.Sprint("out", n%4, ".jsonl"))
			_ = os.Remove(out)
			_ = os.Remove(out + ".journal") // it keeps every reply, of earlier batches too
			var table strings.Builder
			for i := range 500 {
				fmt.Fprintf(&table, `{"q": "task %d of %d"}`+"\n", i, n)
			}
			if err := os.WriteFile(in, []byte(table.String()), 0o600); err != nil {
				t.Error(err)
				return
			}
			cmd := exec.CommandContext(t.Context(), peers.Chainwright(t), "generate", "sequential", "--input", in, "--output", out, "--input-task-key", "q")
			cmd.Env, cmd.Dir = h.environment(), h.dir
			if said, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("a batch: %v\n%s", err, said)
				return
			}
			batches.Add(1)
			time.Sleep(2 * time.Second)
		}
	})
	all.Go(func() {
		for going() {
			time.Sleep(time.Duration(10+rand.IntN(20)) * time.Second)
			c.kill(1 + rand.IntN(2))
			kills.Add(1)
		}
	})
	var samples []sample
	for going() {
		time.Sleep(min(lasts/60, 30*time.Second))
		s := sample{memoryOf(t, c.running[0].Process.Pid), filesOf(t, append(slices.Clone(c.folders), folder, h.dir)...)}
		samples = append(samples, s)
		t.Logf("%s left: %d MB; files in KB: %v; %d calls, %d batches, %d kills, %d runs ended", time.Until(end).Round(time.Second), s.memory>>20, inKB(s.files),
			calls.Load(), batches.Load(), kills.Load(), judged.Load())
	}
	all.Wait()
	third := len(samples) / 3
	bounds := map[string]int64{recordFiles: 2 * soakRecords, trailFiles: 4 * 4 * soakTrail} // below them, files may grow
	for _, what := range []string{"memory", recordFiles, trailFiles, otherFiles, keptFiles} {
		middle := func(list []sample) int64 {
			var values []int64
			for _, s := range list {
				values = append(values, s.of(what))
			}
			slices.Sort(values)
			return values[len(values)/2]
		}
		before, after := middle(samples[third:2*third]), middle(samples[2*third:])
		t.Logf("%s: %.1f MB in the second third, %.1f MB in the last", what, float64(before)/(1<<20), float64(after)/(1<<20))
		if what != keptFiles && after > before+before/4 && after > bounds[what] {
			t.Errorf("%s grows", what)
		}
	}
	peer.mu.Lock()
	defer peer.mu.Unlock()
	for call, n := range peer.calls {
		if strings.HasPrefix(call, "POST") && n > 1 {
			t.Errorf("%s was called %d times", call, n)
		}
	}
	changes := int64(0)
	for call, n := range peer.calls {
		if strings.HasPrefix(call, "POST") {
			changes += int64(n)
		}
	}
	kept := samples[len(samples)-1].files[keptFiles]
	t.Logf("kept audit: %d bytes for %d POSTs: %d each", kept, changes, kept/max(changes, 1))
	if kept > changes*keptChange {
		t.Errorf("the kept audit trail has %d bytes for %d POSTs", kept, changes)
	}
}

// memoryOf returns the bytes that a process has in memory.
func memoryOf(t *testing.T, pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	var kib int64
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	_, err = fmt.Sscan(rest, &kib)
	require.NoError(t, err)
	return kib << 10
}

// of returns the bytes of memory, or of a kind of files.
func (s sample) of(what string) int64 {
	if what == "memory" {
		return s.memory
	}
	return s.files[what]
}

// inKB returns sizes in units that a log shows well.
func inKB(sizes map[string]int64) map[string]int64 {
	out := map[string]int64{}
	for kind, n := range sizes {
		out[kind] = n >> 10
	}
	return out
}

// filesOf returns the sizes of the files in some folders, by kind.
func filesOf(t *testing.T, folders ...string) map[string]int64 {
	sizes := map[string]int64{}
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return nil // it has just been removed
			}
			info, err := entry.Info()
			if err != nil {
				return nil
			}
			kind := otherFiles
			switch name := filepath.Base(path); {
			case strings.HasPrefix(name, "runs.db"):
				kind = recordFiles
			case strings.HasPrefix(name, "audit.kept"):
				kind = keptFiles
			case strings.HasPrefix(name, "audit"):
				kind = trailFiles
			}
			sizes[kind] += info.Size()
			return nil
		})
		require.NoError(t, err)
	}
	return sizes
}
