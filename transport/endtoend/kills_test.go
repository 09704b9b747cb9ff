package endtoend

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/postgres"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// killsVariable is the environment variable with the number of kills; unset: a
// few.
const killsVariable = "CHAINWRIGHT_TEST_KILLS"

// savedParts are saved trees that tasks of workTree run.
func savedParts() map[string]any {
	inputs := map[string]any{"url": map[string]any{"type": "string"}}
	task := func(id, method string, deps ...string) map[string]any {
		return map[string]any{"id": id, "name": id, "schemas": map[string]any{"method": "rest_executor"}, "dependencies": deps,
			"inputs": map[string]any{"url": "${{ inputs.url }}/" + id, "method": method}}
	}
	return map[string]any{
		"part":        map[string]any{"inputs": inputs, "tasks": []any{task("a", "GET"), task("b", "GET", "a")}},
		"part_writes": map[string]any{"inputs": inputs, "tasks": []any{task("c", "GET"), task("d", "POST", "c"), task("e", "GET", "d")}},
	}
}

// workTree is the tree of a run: reads, and writes that must not be repeated if
// writes is set.
func workTree(peer string, run int, writes bool) map[string]any {
	url := func(task, rest string) string { return fmt.Sprintf("%s/%d/%s%s", peer, run, task, rest) }
	task := func(id, method, url string, more map[string]any) map[string]any {
		t := map[string]any{"id": id, "name": id, "schemas": map[string]any{"method": "rest_executor"}, "inputs": map[string]any{"url": url, "method": method}}
		for name, value := range more {
			t[name] = value
		}
		return t
	}
	elements := map[string]any{"for_each": []int{0, 1, 2, 3, 4, 5, 6, 7}, "max_parallel": 2}
	with := func(m map[string]any, deps ...string) map[string]any {
		out := map[string]any{"dependencies": deps}
		for name, value := range m {
			out[name] = value
		}
		return out
	}
	tasks := []map[string]any{
		task("first", "GET", url("first", ""), nil),
		task("reads", "GET", url("reads", "/${{ item }}"), with(elements, "first")),
		task("last", "GET", url("last", ""), with(nil, "reads", "part")),
		{"id": "part", "name": "part", "schemas": map[string]any{"method": "tree/part"}, "dependencies": []string{"first"}, "inputs": map[string]any{"url": url("part", "")}},
	}
	if writes {
		tasks = append(tasks, map[string]any{"id": "more", "name": "more", "schemas": map[string]any{"method": "tree/part_writes"}, "inputs": map[string]any{"url": url("more", "")}})
		tasks = append(tasks, task("write", "POST", url("write", ""), with(nil, "first")),
			task("writes", "POST", url("writes", "/${{ item }}"), elements))
	}
	return map[string]any{"tasks": tasks, "inputs": map[string]any{}, "idempotency_key": fmt.Sprint("run ", run), "wait_seconds": 0}
}

// sharedStores are the stores that servers can share: the setting, and a store to
// read the records.
func sharedStores(t *testing.T) map[string]func(t *testing.T) (string, store.Store) {
	return map[string]func(t *testing.T) (string, store.Store){
		"sqlite": func(t *testing.T) (string, store.Store) {
			path := filepath.Join(t.TempDir(), "runs.db")
			return "sqlite:" + path, sqlite.Open(path, sqlite.Options{})
		},
		"postgres": func(t *testing.T) (string, store.Store) {
			dsn := peers.StartPostgres(t, "max_connections=200").NewDatabase(t)
			s, err := postgres.Open(dsn, postgres.Options{})
			require.NoError(t, err)
			return dsn, s
		},
	}
}

// TestKills kills servers with kill -9 at random times while runs are started and
// go on. Nothing is lost or done twice, every run ends, and those that may be
// repeated complete by themselves.
func TestKills(t *testing.T) {
	t.Parallel()
	kills := 8
	if text := os.Getenv(killsVariable); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	for name, open := range sharedStores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			setting, records := open(t)
			defer records.Close()
			peer := newCounter(t, took)
			c := newCrew(t, 3, map[string]any{"store": setting, "policy": map[string]any{
				"network": map[string]any{"allow": []string{strings.TrimPrefix(peer.URL, "http://")}},
			}})

			stop, started := make(chan struct{}), make(chan []string)
			go func() {
				var ids []string
				for run := 0; ; run++ {
					select {
					case <-stop:
						started <- ids
						return
					default:
					}
					envelope := c.call(run, "run_task_tree", workTree(peer.URL, run, run%2 == 1))
					id, _ := envelope["run_id"].(string)
					if id == "" {
						t.Errorf("run %d was not started: %v", run, envelope)
						id = "none"
					}
					ids = append(ids, id)
					time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
				}
			}()
			for range kills {
				time.Sleep(time.Duration(300+rand.IntN(1500)) * time.Millisecond)
				c.kill(rand.IntN(3))
			}
			close(stop)
			ids := <-started
			judge(t, records, peer, ids, kills)
		})
	}
}

// TestKilledForEach kills a server in the middle of a for_each of 10,000 elements.
// Another one goes on. No element that is on record runs again, and hardly any
// other.
func TestKilledForEach(t *testing.T) {
	t.Parallel()
	const elements = 10_000
	for name, open := range sharedStores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			setting, records := open(t)
			defer records.Close()
			peer := newCounter(t, func() time.Duration { return 0 })
			c := newCrew(t, 2, map[string]any{"store": setting, "policy": map[string]any{
				"network": map[string]any{"allow": []string{strings.TrimPrefix(peer.URL, "http://")}},
			}})
			all := make([]int, elements)
			for i := range all {
				all[i] = i
			}
			envelope := c.call(0, "run_task_tree", map[string]any{"wait_seconds": 0, "tasks": []map[string]any{{
				"id": "each", "name": "each", "for_each": all, "max_parallel": 32, "schemas": map[string]any{"method": "rest_executor"},
				"inputs": map[string]any{"url": peer.URL + "/${{ item }}", "method": "GET"},
			}}})
			id, _ := envelope["run_id"].(string)
			require.NotEmpty(t, id, envelope)
			require.Eventually(t, func() bool {
				peer.mu.Lock()
				defer peer.mu.Unlock()
				return len(peer.calls) >= elements/2
			}, 2*executortest.Patience, time.Millisecond)
			c.mu.Lock()
			cmd := c.running[0]
			c.mu.Unlock()
			require.NoError(t, cmd.Process.Kill())
			_ = cmd.Wait()
			recorded, err := records.Elements(t.Context(), id, 0, 0)
			require.NoError(t, err)
			peer.mu.Lock()
			before := len(peer.calls)
			peer.mu.Unlock()
			row := awaitEnd(t, records, id)
			require.Equal(t, "completed", row.Status, "%+v", row.Problem)
			peer.mu.Lock()
			defer peer.mu.Unlock()
			again := 0
			for call, n := range peer.calls {
				again += n - 1
				require.LessOrEqual(t, n, 2, call)
			}
			for i := range recorded {
				require.Equal(t, 1, peer.calls[fmt.Sprintf("GET /%d", recorded[i].Element-1)], "element %d was on record", recorded[i].Element-1)
			}
			require.Len(t, peer.calls, elements)
			require.Less(t, again, elements/100)
			t.Logf("killed after %d calls, %d of them on record: %d calls were repeated", before, len(recorded), again)
		})
	}
}

// judge waits for the end of all runs and checks what is on record and what the
// peer has seen.
func judge(t *testing.T, records store.Store, peer *counter, ids []string, kills int) {
	t.Helper()
	result := map[string]int{}
	var longest time.Duration
	for run, id := range ids {
		row := awaitEnd(t, records, id)
		list, err := records.Transitions(t.Context(), id, 0, 0)
		require.NoError(t, err)
		done := map[[2]int]int{}
		interrupted := false
		var before time.Time
		for _, tr := range list {
			if tr.State == string(chain.Completed) && tr.Task >= 0 {
				done[[2]int{tr.Task, tr.Element}]++
			}
			interrupted = interrupted || tr.Problem != nil && tr.Problem.Type == "interrupted"
			if tr.Task < 0 && tr.State == string(chain.InProgress) && tr.Seq > 1 {
				result["resumed"]++
				longest = max(longest, tr.At.Sub(before))
			}
			before = tr.At
		}
		for at, n := range done {
			if n > 1 {
				t.Errorf("run %d (%s): task %d, element %d is on record as completed %d times", run, id, at[0], at[1], n)
			}
		}
		result[row.Status]++
		if row.Status != string(chain.Completed) && (run%2 == 0 || !interrupted) {
			problem, _ := json.Marshal(row.Problem)
			t.Errorf("run %d (%s) is %s: %v %s", run, id, row.Status, row.Counts, problem)
		}
	}
	peer.mu.Lock()
	defer peer.mu.Unlock()
	again, lost := 0, 0
	for call, n := range peer.calls {
		if strings.HasPrefix(call, "POST") && n > 1 {
			t.Errorf("%s was called %d times", call, n)
		}
		again += n - 1
	}
	for run := range ids {
		wanted := []string{"first", "last", "part/a", "part/b"}
		for i := range 8 {
			wanted = append(wanted, fmt.Sprint("reads/", i))
		}
		for _, each := range wanted {
			if peer.calls[fmt.Sprintf("GET /%d/%s", run, each)] == 0 {
				lost++
				t.Errorf("run %d: %s was never called", run, each)
			}
		}
	}
	t.Logf("%d kills, %d runs: %d completed, %d ended as interrupted; %d were resumed, after %s at most; %d reads were repeated, %d calls were lost",
		kills, len(ids), result["completed"], result["failed"], result["resumed"], longest.Round(100*time.Millisecond), again, lost)
}

func awaitEnd(t *testing.T, records store.Store, id string) *store.Run {
	t.Helper()
	for end := time.Now().Add(3 * executortest.Patience); ; time.Sleep(100 * time.Millisecond) {
		row, err := records.Run(t.Context(), id)
		require.NoError(t, err)
		if chain.State(row.Status).Ended() {
			return row
		}
		require.False(t, time.Now().After(end), "run %s does not end: %+v", id, row)
	}
}
