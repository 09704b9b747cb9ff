package rest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

// BenchmarkThousandParallel sends 1,000 requests at once to a local nginx: by
// the executor behind its door, and by a bare client with the same guarded
// transport, which reads and checks the same JSON. One op is all of them.
func BenchmarkThousandParallel(b *testing.B) {
	const parallel = 1000
	row := `{"id": 1, "name": "a name of some length", "values": [1, 2, 3.5, null, true]}`
	n := peers.StartNginx(b, peers.NginxOptions{
		Files:   map[string]string{"rows.json": "[" + strings.Repeat(row+",", 25) + row + "]"},
		Workers: 2,
	})
	url := "http://" + n.Addr + "/rows.json"
	d := newDoor(b, policy.Config{Network: policy.Network{Allow: []string{n.Addr}}})
	d.registry.CheckOutputs(false) // as in a server

	all := func(b *testing.B, one func() error) {
		b.Helper()
		for b.Loop() {
			var wait sync.WaitGroup
			for range parallel {
				wait.Go(func() {
					if err := one(); err != nil {
						b.Error(err)
					}
				})
			}
			wait.Wait()
		}
		b.ReportMetric(float64(parallel*b.N)/b.Elapsed().Seconds(), "requests/s")
	}

	b.Run("bare", func(b *testing.B) {
		client := &http.Client{Transport: d.registry.Policy().Transport(policy.TransportOptions{})}
		all(b, func() error {
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
		})
	})
	b.Run("executor", func(b *testing.B) {
		raw := json.RawMessage(fmt.Sprintf(`{"url": %q}`, url))
		all(b, func() error {
			inputs, refused := d.registry.ResolveInputs("rest_executor", raw)
			if refused != nil {
				return refused
			}
			outcome := d.registry.Invoke(b.Context(), "rest_executor", &executors.Call{Inputs: inputs, Attempt: 1}, d.timeout)
			if outcome.Err != nil {
				return outcome.Err
			}
			return nil
		})
	})
}
