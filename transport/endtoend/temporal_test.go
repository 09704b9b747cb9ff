//go:build temporal

package endtoend

import (
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/chain/store/postgres"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// TestTemporal drives the program with the engine on Temporal as docs/engines.md
// says: two servers and a worker, over one Temporal server and one PostgreSQL. All
// of them are killed while runs go on. Nothing is lost or written twice.
func TestTemporal(t *testing.T) {
	t.Parallel()
	server := peers.StartTemporal(t)
	dsn := peers.StartPostgres(t, "max_connections=200").NewDatabase(t)
	records, err := postgres.Open(dsn, postgres.Options{})
	require.NoError(t, err)
	defer records.Close()
	peer := newCounter(t, took)
	engine := []string{"--engine", "temporal://" + server.Addr + "/default"}
	c := newCrewOf(t, 2, map[string]any{"store": dsn, "policy": map[string]any{
		"network": map[string]any{"allow": []string{strings.TrimPrefix(peer.URL, "http://")}},
	}}, peers.ChainwrightTemporal(t), engine...)
	work := func() (kill func()) {
		h := home{dir: t.TempDir(), config: c.settings}
		cmd := exec.Command(c.program, append([]string{"worker"}, engine...)...)
		cmd.Env, cmd.Dir, cmd.Stderr = h.environment(), h.dir, &logged{t: t, name: "worker"}
		require.NoError(t, cmd.Start())
		return func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	kill := work()
	defer func() { kill() }()

	var ids []string
	for run := range 12 {
		envelope := c.call(run, "run_task_tree", workTree(peer.URL, run, run%2 == 1))
		id, _ := envelope["run_id"].(string)
		require.NotEmpty(t, id, envelope)
		ids = append(ids, id)
		time.Sleep(time.Duration(100+rand.IntN(400)) * time.Millisecond)
		switch run {
		case 2, 8:
			kill()
			kill = work()
		case 4, 10:
			c.kill(run % 4 / 2)
		case 6:
			server.Kill(t)
			server.Start(t)
		}
	}
	judge(t, records, peer, ids, 5)
}
