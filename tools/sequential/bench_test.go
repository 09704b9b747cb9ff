package sequential_test

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
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
	"github.com/chainwright/chainwright/tools/sequential"
)

// slow answers every task after a time, in this process: what is measured is
// the batch alone.
type slow struct {
	latency time.Duration
	waited  atomic.Int64 // nanoseconds, of all requests together
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

// table writes a file of so many rows.
func table(t testing.TB, n int) sequential.FileOptions {
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
	return sequential.FileOptions{
		Input: file.Name(), Output: filepath.Join(dir, "out.jsonl"), Keys: sequential.Keys{Task: "q"},
		Meter: llm.NewMeter(llm.Ceiling{}, nil),
	}
}

// BenchmarkLatency is a batch at 50 ms a request. efficiency is the ideal time
// by the measured one; busy is the share of the time in which the workers
// waited for the model, which leaves out how late this machine's timers are:
// bare goroutines that do nothing but sleep reach floor.
func BenchmarkLatency(b *testing.B) {
	const latency, rounds, few = 50 * time.Millisecond, 200, 40
	for _, workers := range []int{10, 64, 256} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				n := rounds * workers
				opts := table(b, n)
				opts.Workers = workers
				b.StartTimer()
				asker := &slow{latency: latency}
				start := time.Now()
				report, err := sequential.RunFile(b.Context(), asker, opts)
				took := time.Since(start)
				if err != nil || report.Counts.OK != n {
					b.Fatal(report, err)
				}
				b.StopTimer()
				b.ReportMetric(float64(rounds*latency)/float64(took), "efficiency")
				b.ReportMetric(float64(asker.waited.Load())/float64(workers)/float64(took), "busy")
				b.ReportMetric(float64(few*latency)/float64(sleepers(workers, few, latency)), "floor")
				b.StartTimer()
				b.ReportMetric(float64(n)/took.Seconds(), "rows/s")
			}
		})
	}
}

// BenchmarkHTTP is BenchmarkLatency with a model that is asked over HTTP: a
// server in this process, which answers after 50 ms, so its work is measured
// with that of the batch. bare is the efficiency of goroutines that make the
// same requests of it and do nothing else.
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
				opts := table(b, n)
				opts.Workers = workers
				b.StartTimer()
				start := time.Now()
				report, err := sequential.RunFile(b.Context(), models, opts)
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

// posters is how long goroutines take that only make requests.
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

// sleepers is how long goroutines take that only sleep.
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

// BenchmarkRows is a batch whose requests take no time: what the batch itself
// takes, and the most memory that it had in use. rows/s and peak-MB must not
// depend on the number of rows.
func BenchmarkRows(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint("rows=", n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				opts := table(b, n)
				opts.Workers = 64
				runtime.GC()
				peak := watchHeap()
				b.StartTimer()
				start := time.Now()
				report, err := sequential.RunFile(b.Context(), &slow{}, opts)
				took := time.Since(start)
				if err != nil || report.Counts.OK != n {
					b.Fatal(report, err)
				}
				b.ReportMetric(float64(n)/took.Seconds(), "rows/s")
				b.ReportMetric(float64(peak())/(1<<20), "peak-MB")
			}
		})
	}
}

// watchHeap gives what is asked for the most memory that objects took until
// then.
func watchHeap() func() uint64 {
	stop, most := make(chan struct{}), uint64(0)
	var watching sync.WaitGroup
	watching.Go(func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(sample)
			most = max(most, sample[0].Value.Uint64())
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	})
	return func() uint64 { close(stop); watching.Wait(); return most }
}

// TestMemory holds that ten times the rows take no more memory: what each row
// would keep is many times what is allowed.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads and writes 110,000 rows")
	}
	used := func(n int) (most uint64) {
		opts := table(t, n)
		opts.Workers = 16
		opts.OnProgress = func(done, _ int, _ sequential.Counts) {
			if done%(n/10) == 0 {
				most = max(most, live())
			}
		}
		if report, err := sequential.RunFile(t.Context(), &slow{}, opts); err != nil || report.Counts.OK != n {
			t.Fatal(report, err)
		}
		return most
	}
	few, many := used(10_000), used(100_000)
	if many > few+(12<<20) {
		t.Errorf("10,000 rows took %d KiB and 100,000 rows %d KiB", few>>10, many>>10)
	}
}

// live is what objects take that somebody has: the least of several looks,
// since each counts what others ask for meanwhile.
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
