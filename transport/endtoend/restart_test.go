package endtoend

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/postgres"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// PostgreSQL crashes under three servers, while two of them take the runs of the
// third one, which was killed, and for longer than a lease. Every run ends
// afterwards, and nothing is done twice.
func TestRestart(t *testing.T) {
	t.Parallel()
	for name, each := range map[string]struct {
		runs  int
		kills int           // servers killed before
		down  time.Duration // longer than the lease and the store's patience, or shorter than both
	}{
		"while runs are adopted":  {runs: 60, kills: 1, down: 3 * time.Second},
		"for longer than a lease": {runs: 18, down: 25 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := peers.StartPostgres(t, "max_connections=200")
			dsn := database.NewDatabase(t)
			records, err := postgres.Open(dsn, postgres.Options{})
			require.NoError(t, err)
			defer records.Close()
			peer := newCounter(t, func() time.Duration { return time.Duration(200+rand.IntN(600)) * time.Millisecond })
			c := newCrew(t, 3, map[string]any{"store": dsn, "policy": map[string]any{
				"network": map[string]any{"allow": []string{strings.TrimPrefix(peer.URL, "http://")}},
			}})
			var ids []string
			start := func(server int) {
				run := len(ids)
				require.Eventually(t, func() bool { // the key makes it one run, though the store is away for some attempts
					id, _ := c.call(server, "run_task_tree", workTree(peer.URL, run, run%2 == 1))["run_id"].(string)
					if id != "" {
						ids = append(ids, id)
					}
					return id != ""
				}, executortest.Patience, 200*time.Millisecond, "run %d was not started", run)
			}
			for run := range each.runs {
				if each.kills > 0 {
					start(0)
				} else {
					start(run % 3)
				}
			}
			owners := map[string]string{}
			for _, id := range ids {
				if row := readRun(t, records, id); row.Owner != "" && !chain.State(row.Status).Ended() {
					owners[id] = row.Owner
				}
			}
			require.NotEmpty(t, owners, "no run is in progress")
			if each.kills > 0 {
				c.mu.Lock()
				killed := c.running[0]
				c.mu.Unlock()
				require.NoError(t, killed.Process.Kill())
				_ = killed.Wait()
				require.Eventually(t, func() bool {
					for id, before := range owners {
						if row := readRun(t, records, id); row.Owner != before && row.Owner != "" {
							return true
						}
					}
					return false
				}, executortest.Patience, 5*time.Millisecond, "no run of the killed server was adopted")
			}

			crashed := time.Now()
			database.Crash()
			time.Sleep(each.down)
			database.Start()
			restarted := time.Now()
			for server := range 3 {
				start(server)
			}
			judge(t, records, peer, ids, each.kills)
			before, after := 0, 0
			for _, id := range ids {
				list, err := records.Transitions(t.Context(), id, 0, 0)
				require.NoError(t, err)
				for _, tr := range list {
					if tr.Task < 0 && tr.State == string(chain.InProgress) && tr.Seq > 1 {
						if tr.At.Before(crashed) {
							before++
						} else {
							after++
						}
					}
				}
			}
			assert.NotZero(t, before+after, "no run was resumed")
			t.Logf("the database was away for %s; %d runs were in progress, %d were resumed before and %d afterwards; all had ended %s after its start",
				restarted.Sub(crashed).Round(100*time.Millisecond), len(owners), before, after, time.Since(restarted).Round(100*time.Millisecond))
		})
	}
}

func readRun(t *testing.T, records store.Store, id string) *store.Run {
	t.Helper()
	row, err := records.Run(t.Context(), id)
	require.NoError(t, err)
	return row
}
