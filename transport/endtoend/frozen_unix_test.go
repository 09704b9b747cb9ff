//go:build unix

package endtoend

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestFrozenServer stops a server in the middle of its runs (SIGSTOP), and
// continues it when others have taken them. It calls nothing a second time, and
// writes nothing.
func TestFrozenServer(t *testing.T) {
	t.Parallel()
	for name, open := range sharedStores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			setting, records := open(t)
			defer records.Close()
			peer := newCounter(t, took)
			c := newCrew(t, 3, map[string]any{"store": setting, "policy": map[string]any{
				"network": map[string]any{"allow": []string{strings.TrimPrefix(peer.URL, "http://")}},
			}})
			var ids []string
			for run := range 12 {
				envelope := c.call(run, "run_task_tree", workTree(peer.URL, run, run%2 == 1))
				id, _ := envelope["run_id"].(string)
				require.NotEmpty(t, id)
				ids = append(ids, id)
			}
			time.Sleep(200 * time.Millisecond) // they are at different points now
			// A process that is stopped in the middle of a write to SQLite holds the
			// lock of the file: nobody writes then.
			for c.signal(0, syscall.SIGSTOP); records.Beat(t.Context(), "test") != nil; c.signal(0, syscall.SIGSTOP) {
				c.signal(0, syscall.SIGCONT)
				time.Sleep(20 * time.Millisecond)
			}
			ends := map[string]int64{}
			for _, id := range ids {
				ends[id] = awaitEnd(t, records, id).Seq
			}
			c.signal(0, syscall.SIGCONT)
			require.Eventually(t, func() bool { // it serves again, and has done what it wanted
				_, err := c.try(c.addresses[0], "list_runs", map[string]any{})
				return err == nil
			}, time.Minute, 100*time.Millisecond)
			time.Sleep(2 * time.Second)
			judge(t, records, peer, ids, 0)
			for id, seq := range ends {
				row, err := records.Run(t.Context(), id)
				require.NoError(t, err)
				require.Equal(t, seq, row.Seq, "the record of %s has changed after its end", id)
			}
		})
	}
}
