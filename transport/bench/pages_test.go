package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// pagesOpen is the number of pages that are open on a run.
const pagesOpen = 20

// BenchmarkPages measures the CPU time that a server takes for a busy run, alone
// and with 20 pages open on it. Rounds alternate, so that other work on the machine
// affects both; "percent" is the median of the ratios of a round, less one.
func BenchmarkPages(b *testing.B) {
	path := peers.Chainwright(b)
	for name, tree := range map[string]string{"elements": busyElements(), "tasks": busyTasks()} {
		b.Run(name, func(b *testing.B) {
			var alone, watched, ratios, lasted []float64
			for b.Loop() {
				x, _ := cpuOfRun(b, path, tree, 0)
				y, took := cpuOfRun(b, path, tree, pagesOpen)
				alone, watched, ratios, lasted = append(alone, x), append(watched, y), append(ratios, y/x), append(lasted, took.Seconds())
			}
			b.ReportMetric(median(alone), "cpu-s-alone")
			b.ReportMetric(median(watched), "cpu-s-watched")
			b.ReportMetric(100*(median(ratios)-1), "percent")
			b.ReportMetric(median(lasted), "s/run")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// busyElements returns a tree that runs 40,000 elements, one step after the other.
func busyElements() string {
	var tasks []string
	for i := range 4 {
		before := ""
		if i > 0 {
			before = fmt.Sprintf(`,"dependencies":["step_%d"]`, i-1)
		}
		tasks = append(tasks, fmt.Sprintf(`{"id":"step_%d","executor":"data_processor","for_each":"${{ [range(10000)] }}","inputs":{"operation":"jq","program":".","data":"${{ item }}"}%s}`, i, before))
	}
	return `{"name":"elements","tasks":[` + strings.Join(tasks, ",") + `]}`
}

// busyTasks returns a tree of 10,000 tasks in 25 layers.
func busyTasks() string {
	const layers, width = 25, 400
	var tasks []string
	for layer := range layers {
		for i := range width {
			before := ""
			if layer > 0 {
				before = fmt.Sprintf(`,"dependencies":["t_%d_%d","t_%d_%d"]`, layer-1, i, layer-1, (i*7+layer)%width)
			}
			tasks = append(tasks, fmt.Sprintf(`{"id":"t_%d_%d","executor":"data_processor","inputs":{"operation":"jq","program":"[range(2000)]|add","data":1}%s}`, layer, i, before))
		}
	}
	return `{"name":"tasks","tasks":[` + strings.Join(tasks, ",") + `]}`
}

// cpuOfRun returns the CPU time in seconds that a server takes for its start, one
// run of a tree and its end, and how long the run took.
func cpuOfRun(b *testing.B, path, tree string, pages int) (seconds float64, took time.Duration) {
	b.Helper()
	address := freeAddress(b)
	cmd := exec.Command(path, "serve", "--addr", address)
	cmd.Env = privateEnvironment(b)
	startHTTP(b, cmd, "http://"+address+"/mcp")
	site := &openSite{b, "http://" + address}
	var started struct {
		RunID string `json:"run_id"`
	}
	site.post("/api/tools/run_task_tree", `{"arguments":{"wait_seconds":0,"document":`+tree+`}}`, &started)
	begun := time.Now()
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	var open sync.WaitGroup
	for range pages {
		open.Go(func() { site.look(ctx, started.RunID) })
	}
	for {
		var list struct {
			Runs []struct{ Status string }
		}
		site.get("/api/runs?limit=1", &list)
		if status := list.Runs[0].Status; status == "completed" {
			break
		} else if status != "in_progress" && status != "pending" {
			b.Fatal("the run is ", status)
		}
		time.Sleep(200 * time.Millisecond)
	}
	took = time.Since(begun)
	open.Wait() // each page has been told of the end
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		b.Fatal(err)
	}
	_ = cmd.Wait()
	return (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), took
}

// openSite is the page of a server without a token.
type openSite struct {
	b      *testing.B
	origin string
}

func (s *openSite) get(path string, into any) {
	s.b.Helper()
	s.do(http.MethodGet, path, nil, into)
}

func (s *openSite) post(path, body string, into any) {
	s.b.Helper()
	s.do(http.MethodPost, path, []byte(body), into)
}

func (s *openSite) do(method, path string, body []byte, into any) {
	s.b.Helper()
	req, err := http.NewRequest(method, s.origin+path, bytes.NewReader(body))
	if err != nil {
		s.b.Fatal(err)
	}
	req.Header.Set("Origin", s.origin)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Chainwright-Page", "1")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		s.b.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.b.Fatalf("%s: %d %v %.500s", path, answer.StatusCode, err, text)
	}
	if err := json.Unmarshal(text, into); err != nil {
		s.b.Fatal(err)
	}
}

// look does what a page does that is open on a run: it reads the run, and then the
// updates until the end.
func (s *openSite) look(ctx context.Context, run string) {
	client := &http.Client{Transport: &http.Transport{}} // each page has its own connections
	defer client.CloseIdleConnections()
	read := func(path string) (string, bool) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.origin+path, nil)
		if err != nil {
			s.b.Error(err)
			return "", false
		}
		answer, err := client.Do(req)
		if err != nil {
			s.b.Error(err)
			return "", false
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK {
			s.b.Errorf("%s: %d %v", path, answer.StatusCode, err)
			return "", false
		}
		return string(text), true
	}
	page, ok := read("/api/runs/" + run)
	if !ok {
		return
	}
	var drawn struct{ Seq int64 }
	if err := json.Unmarshal([]byte(page), &drawn); err != nil {
		s.b.Error(err)
		return
	}
	if stream, ok := read(fmt.Sprintf("/api/runs/%s/events?after=%d", run, drawn.Seq)); ok && !strings.Contains(stream, "event: end") {
		s.b.Error("a page was not told of the end")
	}
}
