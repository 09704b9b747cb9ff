package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// BenchmarkClosing measures the time from the end of the input to the end of the
// server, in the middle of a program that ends when it is asked to, of one that
// ignores that, and of a tree of both. The limit is 1,500 ms.
func BenchmarkClosing(b *testing.B) {
	if runtime.GOOS == "windows" {
		b.Skip("the programs are those of Unix")
	}
	const deaf = `"trap '' TERM; touch STARTED; sleep 1000; sleep 1000"`
	for name, call := range map[string]string{
		"polite": `"name":"command_executor","arguments":{"command":"touch STARTED; exec sleep 1000","timeout":3000}`,
		"deaf":   `"name":"command_executor","arguments":{"command":` + deaf + `,"timeout":3000}`,
		"tree": `"name":"run_task_tree","arguments":{"wait_seconds":0,"tasks":[{"schemas":{"method":"command_executor"},"inputs":{"command":"exec sleep 1000"}},` +
			`{"schemas":{"method":"command_executor"},"inputs":{"command":` + deaf + `}}]}`,
	} {
		b.Run(name, func(b *testing.B) {
			var took []float64
			for b.Loop() {
				took = append(took, float64(closeAmid(b, call).Microseconds())/1000)
			}
			b.ReportMetric(median(took), "ms/close")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// closeAmid closes a server in the middle of a call and returns how long it takes
// to end.
func closeAmid(b *testing.B, call string) time.Duration {
	b.Helper()
	started := filepath.Join(b.TempDir(), "started")
	cmd := exec.Command(peers.Chainwright(b), "stdio")
	cmd.Env = append(privateEnvironment(b), "CHAINWRIGHT_POLICY_COMMAND_SHELL=true")
	s := startStdio(b, cmd)
	s.send(fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{%s}}`, strings.ReplaceAll(call, "STARTED", started)))
	for _, err := os.Stat(started); err != nil; _, err = os.Stat(started) {
		runtime.Gosched()
	}
	begun := time.Now()
	if err := s.in.Close(); err != nil {
		b.Fatal(err)
	}
	_ = cmd.Wait()
	return time.Since(begun)
}
