package sequential

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// slow answers every task after a delay, in this process, so that only the
// batch is measured.
type slow struct {
	latency time.Duration
	waited  atomic.Int64 // nanoseconds, the sum of all requests
}

func (s *slow) Complete(ctx context.Context, req llm.Request) (llm.Reply, error) {
	if s.latency > 0 {
		begun := time.Now()
		defer func() { s.waited.Add(int64(time.Since(begun))) }()
		timer := time.NewTimer(s.latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return llm.Reply{}, ctx.Err()
		}
	}
	task := strings.TrimPrefix(req.Messages[len(req.Messages)-1].Content, "task: ")
	raw := `{"subsequent_task":"after ` + task + `","composition_task":"both ` + task + `"}`
	reply := llm.Reply{Text: raw, JSON: json.RawMessage(raw), FinishReason: llm.FinishStop, Usage: llm.Usage{InputTokens: 10, OutputTokens: 10, Requests: 1}}
	req.Meter.Add(reply.Usage)
	return reply, nil
}

// rowsFile writes a file of n rows, and returns the options for it.
func rowsFile(t testing.TB, n int) tableOptions {
	t.Helper()
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "in.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(file)
	for i := range n {
		fmt.Fprintf(w, "%s}\n", line(i))
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return optionsFor(file.Name(), filepath.Join(dir, "out.jsonl"))
}

// BenchmarkLatency runs a batch at 50 ms per request. efficiency is the ideal
// time divided by the measured time. busy is the share of the time in which the
// workers waited for the model; it does not include the delay of this machine's
// timers. floor is the efficiency of goroutines that only sleep.
func BenchmarkLatency(b *testing.B) {
	const latency, rounds, few = 50 * time.Millisecond, 200, 40
	for _, workers := range []int{10, 64, 256} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				n := rounds * workers
				opts := rowsFile(b, n)
				opts.Workers = workers
				b.StartTimer()
				model := &slow{latency: latency}
				start := time.Now()
				report, err := runTable(b.Context(), model, opts)
				took := time.Since(start)
				if err != nil || report.Counts.OK != n {
					b.Fatal(report, err)
				}
				b.StopTimer()
				b.ReportMetric(float64(rounds*latency)/float64(took), "efficiency")
				b.ReportMetric(float64(model.waited.Load())/float64(workers)/float64(took), "busy")
				b.ReportMetric(float64(few*latency)/float64(sleepers(workers, few, latency)), "floor")
				b.StartTimer()
				b.ReportMetric(float64(n)/took.Seconds(), "rows/s")
			}
		})
	}
}

// BenchmarkHTTP is BenchmarkLatency with a model over HTTP: a server in this
// process, which answers after 50 ms, so its work is measured too. bare is the
// efficiency of goroutines that send the same requests and do nothing else.
func BenchmarkHTTP(b *testing.B) {
	const latency, rounds, few = 50 * time.Millisecond, 100, 40
	for _, workers := range []int{10, 64, 256} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) {
			server := llmtest.New(b, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step {
				step := good(asked(r))
				step.Delay = latency
				return step
			}}).Quiet()
			models := client(server, workers)
			for b.Loop() {
				b.StopTimer()
				n := rounds * workers
				opts := rowsFile(b, n)
				opts.Workers = workers
				b.StartTimer()
				start := time.Now()
				report, err := runTable(b.Context(), models, opts)
				took := time.Since(start)
				if err != nil || report.Counts.OK != n {
					b.Fatal(report, err)
				}
				b.StopTimer()
				b.ReportMetric(float64(rounds*latency)/float64(took), "efficiency")
				b.ReportMetric(float64(few*latency)/float64(posters(b, server.URL, workers, few)), "bare")
				b.StartTimer()
				b.ReportMetric(float64(n)/took.Seconds(), "rows/s")
			}
		})
	}
}

// posters returns the time of goroutines that only send requests.
func posters(b *testing.B, url string, workers, rounds int) time.Duration {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: workers}
	defer transport.CloseIdleConnections()
	models := &http.Client{Transport: transport}
	body := `{"model": "test", "messages": [{"role": "user", "content": "task: ` + strings.Repeat("x", 1000) + `"}]}`
	start := time.Now()
	var posting sync.WaitGroup
	for range workers {
		posting.Go(func() {
			for range rounds {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url+"/v1/chat/completions", strings.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+llmtest.Key)
				resp, err := models.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, resp.Body)
				if err := errors.Join(err, resp.Body.Close()); err != nil {
					b.Error(err)
				}
			}
		})
	}
	posting.Wait()
	return time.Since(start)
}

// sleepers returns the time of goroutines that only sleep.
func sleepers(workers, rounds int, latency time.Duration) time.Duration {
	start := time.Now()
	var sleeping sync.WaitGroup
	for range workers {
		sleeping.Go(func() {
			for range rounds {
				<-time.NewTimer(latency).C
			}
		})
	}
	sleeping.Wait()
	return time.Since(start)
}

// BenchmarkRows runs a batch whose requests take no time. It measures the work
// of the batch itself and its largest use of memory. rows/s and memory must not
// depend on the number of rows.
func BenchmarkRows(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint("rows=", n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				opts := rowsFile(b, n)
				opts.Workers = 64
				debug.FreeOSMemory()
				peak := watchMemory()
				b.StartTimer()
				start := time.Now()
				report, err := runTable(b.Context(), &slow{}, opts)
				took := time.Since(start)
				if err != nil || report.Counts.OK != n {
					b.Fatal(report, err)
				}
				b.ReportMetric(float64(n)/took.Seconds(), "rows/s")
				heap, resident := peak()
				b.ReportMetric(float64(heap)/(1<<20), "heap-MB")
				b.ReportMetric(float64(resident)/(1<<20), "resident-MB")
			}
		})
	}
}

// watchMemory returns a function that returns the largest memory in use until
// then: of Go objects, and of the whole process including SQLite (Linux only).
func watchMemory() func() (heap, resident uint64) {
	stop := make(chan struct{})
	var heap, resident uint64
	var watching sync.WaitGroup
	watching.Go(func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(sample)
			heap, resident = max(heap, sample[0].Value.Uint64()), max(resident, residentMemory())
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	})
	return func() (uint64, uint64) { close(stop); watching.Wait(); return heap, resident }
}

// residentMemory returns the resident memory of this process in bytes, 0 if it
// is unknown.
func residentMemory() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident uint64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0
	}
	return resident * uint64(os.Getpagesize())
}

// TestMemory checks that ten times the rows need no more memory. If each row
// stayed in memory, the limit would be exceeded many times.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads and writes 22,000 rows")
	}
	used := func(n int) (most uint64) {
		opts := rowsFile(t, n)
		opts.Workers = 16
		opts.OnProgress = func(done, _ int, _ Counts) {
			if done%(n/10) == 0 {
				most = max(most, live())
			}
		}
		if report, err := runTable(t.Context(), &slow{}, opts); err != nil || report.Counts.OK != n {
			t.Fatal(report, err)
		}
		return most
	}
	few, many := used(2_000), used(20_000)
	if many > few+(2<<20) {
		t.Errorf("2,000 rows took %d KiB and 20,000 rows %d KiB", few>>10, many>>10)
	}
}

// live returns the memory of reachable objects: the smallest of several
// measurements, because each one includes objects that other goroutines
// allocate.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	least := ^uint64(0)
	for range 3 {
		runtime.GC()
		metrics.Read(sample)
		least = min(least, sample[0].Value.Uint64())
	}
	return least
}
