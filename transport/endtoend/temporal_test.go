//go:build temporal

package endtoend

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/postgres"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// distributed are two servers and a worker with the engine on Temporal, over one
// PostgreSQL, as docs/engines.md says.
type distributed struct {
	*crew
	t       *testing.T
	server  *peers.Temporal
	records store.Store
	trees   string
	engine  []string
}

func newDistributed(t *testing.T, policy map[string]any) *distributed {
	t.Helper()
	d := &distributed{t: t, server: peers.StartTemporal(t)}
	dsn := peers.StartPostgres(t, "max_connections=200").NewDatabase(t)
	records, err := postgres.Open(dsn, postgres.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = records.Close() })
	d.records, d.engine = records, []string{"--engine", "temporal://" + d.server.Addr + "/default"}
	settings := map[string]any{"store": dsn, "policy": policy}
	d.crew = newCrewOf(t, 2, settings, peers.ChainwrightTemporal(t), d.engine...)
	d.trees, _ = settings["trees"].(string)
	return d
}

// command returns a command of the program with the settings of the servers.
func (d *distributed) command(arguments ...string) *exec.Cmd {
	h := home{dir: d.t.TempDir(), config: d.settings}
	cmd := exec.Command(d.program, arguments...)
	cmd.Env, cmd.Dir, cmd.Stderr = h.environment(), h.dir, &logged{t: d.t, name: arguments[0]}
	return cmd
}

// work starts a worker, and returns what kills it.
func (d *distributed) work() (kill func()) {
	d.t.Helper()
	cmd := d.command(append([]string{"worker"}, d.engine...)...)
	require.NoError(d.t, cmd.Start())
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// TestTemporal drives the program with the engine on Temporal: two servers and a
// worker, over one Temporal server and one PostgreSQL. All of them are killed while
// runs go on. Nothing is lost or written twice, and what ends does so as in one
// process in which nothing is killed.
func TestTemporal(t *testing.T) {
	t.Parallel()
	allow := func(c *counter) map[string]any {
		return map[string]any{"network": map[string]any{"allow": []string{strings.TrimPrefix(c.URL, "http://")}}}
	}
	peer := newCounter(t, took)
	c := newDistributed(t, allow(peer))
	kill := c.work()
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
			kill = c.work()
		case 4, 10:
			c.kill(run % 4 / 2)
		case 6:
			c.server.Kill(t)
			c.server.Start(t)
		}
	}
	judge(t, c.records, peer, ids, 5)

	quiet := newCounter(t, took)
	path := filepath.Join(t.TempDir(), "runs.db")
	alone := newCrewOf(t, 1, map[string]any{"store": "sqlite:" + path, "policy": allow(quiet)}, peers.Chainwright(t))
	own := sqlite.Open(path, sqlite.Options{})
	defer own.Close()
	var wanted [2]map[string]string
	for run := range wanted {
		id, _ := alone.call(0, "run_task_tree", workTree(quiet.URL, run, run == 1))["run_id"].(string)
		require.Equal(t, string(chain.Completed), awaitEnd(t, own, id).Status)
		wanted[run], _ = endsOf(t, own, id)
		require.Greater(t, len(wanted[run]), 10)
	}
	for run, id := range ids {
		ends, interrupted := endsOf(t, c.records, id)
		for at, want := range wanted[run%2] {
			got, ended := ends[at]
			switch {
			case got == want:
			case !interrupted:
				t.Errorf("run %d: %s is %s, and in one process %s", run, at, got, want)
			case ended && strings.HasPrefix(got, string(chain.Completed)):
				t.Errorf("run %d: the result of %s is %s, and in one process %s", run, at, got, want)
			}
		}
	}
}

// varies is what differs between two calls of the same work.
var varies = regexp.MustCompile(`"run_id": ?"[^"]*"|"(duration|elapsed)[a-z_]*": ?[0-9.]+|http://127\.0\.0\.1:[0-9]+|/[0-9]+/|"(Date|date)": ?("[^"]*"|\[[^\]]*\])`)

// endsOf returns how each task and element of a run has ended, with its result, and
// whether a worker was lost while one of them must not be repeated.
func endsOf(t *testing.T, records store.Store, id string) (ends map[string]string, interrupted bool) {
	t.Helper()
	row, err := records.Run(t.Context(), id)
	require.NoError(t, err)
	list, err := records.Transitions(t.Context(), id, 0, 0)
	require.NoError(t, err)
	ends = map[string]string{}
	for _, tr := range list {
		if tr.Task < 0 || !chain.State(tr.State).Ended() {
			continue
		}
		interrupted = interrupted || tr.Problem != nil && tr.Problem.Type == string(executors.Interrupted)
		ends[fmt.Sprintf("%s %d", row.Tasks[tr.Task].ID, tr.Element)] = tr.State + " " + varies.ReplaceAllString(string(tr.Result), "*")
	}
	return ends, interrupted
}

// A schedule starts each run once, whichever of the servers and workers is first, and
// the runs are done on Temporal. Doctor says how the engine is.
func TestTemporalSchedules(t *testing.T) {
	t.Parallel()
	c := newDistributed(t, map[string]any{})
	kill := c.work()
	defer kill()
	require.NoError(t, os.WriteFile(filepath.Join(c.trees, "minutely.json"), []byte(`{"schedule": {"cron": "* * * * *", "misfire": "all", "overlap": "allow"},
		"tasks": [{"id": "a", "executor": "data_processor", "inputs": {"data": [1, 2], "operation": "sum"}}]}`), 0o600))
	text, err := c.command("schedules", "enable", "minutely", "--yes").Output()
	require.NoError(t, err, "%s", text)

	const missed = 5
	var since time.Time
	executortest.Await(t, "the schedule is set back", func() bool { // as if nobody had fired it for some minutes
		row, err := c.records.Schedule(t.Context(), "minutely")
		require.NoError(t, err)
		require.NotNil(t, row)
		since = time.Now().Add(-missed * time.Minute).Truncate(time.Minute)
		row.Last, row.EnabledAt = since, since
		return c.records.PutSchedule(t.Context(), row) == nil
	})
	var runs []store.Run
	executortest.Await(t, "the missed runs end", func() bool {
		runs, err = c.records.List(t.Context(), store.Query{Anyone: true, Kind: store.KindTree, Status: string(chain.Completed), Limit: 100})
		require.NoError(t, err)
		return len(runs) >= missed
	})
	times := map[string]int{}
	for i := range runs {
		row, err := c.records.Run(t.Context(), runs[i].ID)
		require.NoError(t, err)
		require.Equal(t, store.Elsewhere+"temporal/default", row.Owner)
		times[row.Key]++
	}
	for key, n := range times {
		require.Equal(t, 1, n, "the run of %s was started %d times", key, n)
	}
	all, err := c.records.List(t.Context(), store.Query{Anyone: true, Kind: store.KindTree, Limit: 100})
	require.NoError(t, err)
	most := int(time.Since(since)/time.Minute) + 1
	require.LessOrEqual(t, len(all), most, "more runs than minutes")

	about, err := c.command(append([]string{"doctor"}, c.engine...)...).Output()
	require.NoError(t, err, "%s", about)
	require.Regexp(t, `engine: temporal://\S+\n  Temporal \d+\.\d+\.\d+, namespace default; 3 workers in the task queue chainwright-1; \d+ runs? in progress`, string(about))
	for engine, want := range map[string]string{
		"temporal://127.0.0.1:1":              "the Temporal server at 127.0.0.1:1 can't be used",
		"temporal://" + c.server.Addr + "/no": `has no namespace "no"`,
	} {
		about, err := c.command("doctor", "--engine", engine).Output()
		require.Error(t, err)
		require.Contains(t, string(about), want)
	}
}
