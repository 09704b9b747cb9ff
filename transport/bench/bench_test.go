package bench

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// bareServer, set to "stdio" or to an address, makes this test binary the
// least server that mcp-go allows: one tool, no validation, no store. What it
// reaches is the ceiling for a server built on mcp-go.
const bareServer = "CHAINWRIGHT_TEST_BARE_SERVER"

func TestMain(m *testing.M) {
	switch where := os.Getenv(bareServer); where {
	case "":
		os.Exit(m.Run())
	case "stdio":
		_ = server.ServeStdio(bare())
	default:
		_ = server.NewStreamableHTTPServer(bare(), server.WithStateLess(true), server.WithDisableStreaming(true)).Start(where)
	}
}

func bare() *server.MCPServer {
	s := server.NewMCPServer("bare", "1", server.WithToolCapabilities(false))
	tool := mcp.NewTool(benchTool, mcp.WithArray("data", mcp.Required()), mcp.WithString("operation"))
	s.AddTool(tool, func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(r.GetString("operation", "")), nil
	})
	return s
}

const (
	benchTool      = "data_processor"
	benchArguments = `{"data":[1,2,3],"operation":"sum"}`
	inFlight       = 8
	callsPerRound  = 4000
)

// caller is a running server that can be called.
type caller interface {
	calls(n, inFlight int, tool, arguments string) (time.Duration, error)
}

// BenchmarkToolCall compares direct calls of a read-only executor through the
// whole path (validation, policy, audit, record) with a bare mcp-go server
// given the same arguments. Rounds alternate, so that a noisy machine weighs
// on both; "ratio" is the median of the rounds' ratios.
func BenchmarkToolCall(b *testing.B) {
	program := buildProgram(b)
	b.Run("stdio", func(b *testing.B) {
		ours := exec.Command(program, "stdio")
		ours.Env = privateEnvironment(b)
		compare(b, startStdio(b, bareCommand("stdio")), startStdio(b, ours))
	})
	b.Run("http", func(b *testing.B) {
		bareAddress, address := freeAddress(b), freeAddress(b)
		ours := exec.Command(program, "serve", "--addr", address)
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
	rate(ours) // both warm
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

// BenchmarkStart measures from the start of the process to the first
// tools/list reply, and the resident memory and the size of the list then.
func BenchmarkStart(b *testing.B) {
	program := buildProgram(b)
	for _, which := range []string{"bare", "chainwright"} {
		b.Run(which, func(b *testing.B) {
			var took, memory, tokens []float64
			for b.Loop() {
				cmd := bareCommand("stdio")
				if which == "chainwright" {
					cmd = exec.Command(program, "stdio")
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
// tools and is left alone for idleFor.
func BenchmarkIdle(b *testing.B) {
	const idleFor = 3 * time.Second
	program := buildProgram(b)
	var memory []float64
	for b.Loop() {
		cmd := exec.Command(program, "stdio")
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

// residentMB reads a process's resident memory; 0 where there is no /proc.
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

// buildProgram builds the real program as a release does.
func buildProgram(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "chainwright")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	build := goBuild("-s -w", program)
	if text, err := build.CombinedOutput(); err != nil {
		b.Fatalf("building the program: %v\n%s", err, text)
	}
	return program
}

func bareCommand(where string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), bareServer+"="+where)
	return cmd
}

// privateEnvironment keeps a measured server off the user's own folders.
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
