package rest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

// BenchmarkThousandParallel sends 1,000 parallel requests to a local nginx, in
// turns through the executor and through a bare client with the same transport
// that parses the same JSON. of-bare is the executor's throughput relative to
// the bare client, as the median of the turns.
func BenchmarkThousandParallel(b *testing.B) {
	const parallel = 1000
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as in a server
	row := `{"id": 1, "name": "a name of some length", "values": [1, 2, 3.5, null, true]}`
	n := peers.StartNginx(b, peers.NginxOptions{
		Files:   map[string]string{"rows.json": "[" + strings.Repeat(row+",", 25) + row + "]"},
		Workers: 2,
	})
	url := "http://" + n.Addr + "/rows.json"
	d := newCaller(b, policy.Config{Network: policy.Network{Allow: []string{n.Addr}}})
	d.registry.CheckOutputs(false) // as in a server

	all := func(one func() error) time.Duration {
		begin := time.Now()
		var wait sync.WaitGroup
		for range parallel {
			wait.Go(func() {
				if err := one(); err != nil {
					b.Error(err)
				}
			})
		}
		wait.Wait()
		return time.Since(begin)
	}
	client := &http.Client{Transport: d.registry.Policy().Transport(policy.TransportOptions{})}
	bare := func() error {
		resp, err := client.Get(url)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, 10_000_000))
		if err == nil && !json.Valid(body) {
			err = fmt.Errorf("not JSON: %.100s", body)
		}
		return err
	}
	raw := json.RawMessage(fmt.Sprintf(`{"url": %q}`, url))
	executor := func() error {
		inputs, refused := d.registry.ResolveInputs("rest_executor", raw)
		if refused != nil {
			return refused
		}
		outcome := d.registry.Invoke(b.Context(), "rest_executor", &executors.Call{Inputs: inputs, Attempt: 1}, d.timeout)
		if outcome.Err != nil {
			return outcome.Err
		}
		return nil
	}
	var theirs, ours time.Duration
	var turns []float64
	for b.Loop() {
		before, after := all(executor), all(bare)
		between := all(executor) // the first one is slowed by the garbage of the other
		again := all(bare)
		theirs, ours = theirs+after+again, ours+before+between
		turns = append(turns, float64(after+again)/float64(before+between))
	}
	slices.Sort(turns)
	b.ReportMetric(float64(2*parallel*b.N)/theirs.Seconds(), "bare/s")
	b.ReportMetric(float64(2*parallel*b.N)/ours.Seconds(), "executor/s")
	b.ReportMetric(turns[len(turns)/2], "of-bare")
	b.ReportMetric(0, "ns/op")
}
