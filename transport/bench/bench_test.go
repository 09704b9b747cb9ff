package bench

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/transport/mcp/mcptest"
)

// bareServer, set to "stdio" or to an address, makes this test binary the
// smallest server that mcp-go allows: one tool, no validation, no store. Its
// speed is the upper limit for a server built on mcp-go.
const bareServer = "CHAINWRIGHT_TEST_BARE_SERVER"

func TestMain(m *testing.M) {
	switch where := os.Getenv(bareServer); where {
	case "":
		os.Exit(m.Run())
	case "stdio":
		_ = mcptest.BareStdio(bare)
	default:
		_ = http.ListenAndServe(where, mcptest.BareHTTP(bare))
	}
}

var bare = mcptest.Tool{Name: benchTool, Argument: "operation"}

const (
	benchTool      = "data_processor"
	benchArguments = `{"data":[1,2,3],"operation":"sum"}`
	inFlight       = 8
	callsPerRound  = 4000
)

// caller is a running server and its client.
type caller interface {
	calls(n, inFlight int, tool, arguments string) (time.Duration, error)
}

// BenchmarkToolCall compares direct calls of a read-only executor through the
// complete path (validation, policy, audit, record) with a bare mcp-go server
// that receives the same arguments. Rounds alternate, so that other work on the
// machine affects both; "ratio" is the median of the ratios.
func BenchmarkToolCall(b *testing.B) {
	path := peers.Chainwright(b)
	b.Run("stdio", func(b *testing.B) {
		ours := exec.Command(path, "stdio")
		ours.Env = privateEnvironment(b)
		compare(b, startStdio(b, bareCommand("stdio")), startStdio(b, ours))
	})
	b.Run("http", func(b *testing.B) {
		bareAddress, address := freeAddress(b), freeAddress(b)
		ours := exec.Command(path, "serve", "--addr", address)
		ours.Env = privateEnvironment(b)
		compare(b,
			startHTTP(b, bareCommand(bareAddress), "http://"+bareAddress+"/mcp"),
			startHTTP(b, ours, "http://"+address+"/mcp"))
	})
}

func compare(b *testing.B, bare, ours caller) {
	b.Helper()
	rate := func(c caller) float64 {
		took, err := c.calls(callsPerRound, inFlight, benchTool, benchArguments)
		if err != nil {
			b.Fatal(err)
		}
		return callsPerRound / took.Seconds()
	}
	rate(bare)
	rate(ours) // warm up both
	var bareRates, ourRates, ratios []float64
	for b.Loop() {
		x, y := rate(bare), rate(ours)
		bareRates, ourRates, ratios = append(bareRates, x), append(ourRates, y), append(ratios, y/x)
	}
	b.ReportMetric(median(bareRates), "bare-calls/s")
	b.ReportMetric(median(ourRates), "calls/s")
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkStart measures the time from the start of the process to the first
// tools/list reply, the resident memory at that time, and the size of the list.
func BenchmarkStart(b *testing.B) {
	path := peers.Chainwright(b)
	for _, which := range []string{"bare", "chainwright"} {
		b.Run(which, func(b *testing.B) {
			var took, memory, tokens []float64
			for b.Loop() {
				cmd := bareCommand("stdio")
				if which == "chainwright" {
					cmd = exec.Command(path, "stdio")
					cmd.Env = privateEnvironment(b)
				}
				start := time.Now()
				s := startStdio(b, cmd)
				s.send([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
				list, err := s.receive()
				if err != nil {
					b.Fatal(err)
				}
				took = append(took, float64(time.Since(start).Microseconds())/1000)
				memory = append(memory, residentMB(cmd.Process.Pid))
				tokens = append(tokens, float64(len(list)/4))
				_ = s.in.Close()
				_ = cmd.Wait()
			}
			b.ReportMetric(median(took), "ms/start")
			b.ReportMetric(median(memory), "MB-resident")
			b.ReportMetric(median(tokens), "list-tokens")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkIdle measures the resident memory of a server that has listed its
// tools and was idle for idleFor.
func BenchmarkIdle(b *testing.B) {
	const idleFor = 3 * time.Second
	path := peers.Chainwright(b)
	var memory []float64
	for b.Loop() {
		cmd := exec.Command(path, "stdio")
		cmd.Env = privateEnvironment(b)
		s := startStdio(b, cmd)
		s.send([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		if _, err := s.receive(); err != nil {
			b.Fatal(err)
		}
		time.Sleep(idleFor)
		memory = append(memory, residentMB(cmd.Process.Pid))
		_ = s.in.Close()
		_ = cmd.Wait()
	}
	b.ReportMetric(median(memory), "MB-resident")
	b.ReportMetric(0, "ns/op")
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// residentMB returns the resident memory of a process; 0 on systems without
// /proc.
func residentMB(pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kilobytes / 1024
		}
	}
	return 0
}

func bareCommand(where string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), bareServer+"="+where)
	return cmd
}

// privateEnvironment keeps a measured server out of the user's own folders.
func privateEnvironment(b *testing.B) []string {
	b.Helper()
	home := b.TempDir()
	return append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home, "LOCALAPPDATA="+home, "APPDATA="+home)
}

func freeAddress(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
