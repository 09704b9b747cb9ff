package sequential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools/sequential/internal/rows"
)

// faulty answers all tasks except those that always fail. Some succeed only on
// the second request. It counts the requests.
type faulty struct {
	mu    sync.Mutex
	asked map[string]int
	// never and once report which tasks always fail, and which fail once.
	never, once func(task string) bool
	reached     chan struct{} // closed after this number of replies
	after       int
	held        bool // from then on there are no replies
}

func (f *faulty) answer(r llmtest.Request) llmtest.Step {
	task := asked(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked[task]++
	if f.after--; f.after == 0 {
		close(f.reached)
	}
	switch {
	case f.held && f.after < 0:
		return llmtest.Step{Delay: time.Hour} // until the caller disconnects
	case f.never != nil && f.never(task):
		return llmtest.Step{Status: 400, Code: "content_filter", Message: "flagged"}
	case f.once != nil && f.once(task) && f.asked[task] == 1:
		return llmtest.Step{Status: 429, RetryAfter: "0", Message: "slow down"}
	}
	return good(task)
}

func (f *faulty) total() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, each := range f.asked {
		n += each
	}
	return n
}

func line(i int) string {
	return fmt.Sprintf(`{"id": "%05d", "day":"2024-01-%02d", "d": 3.%020d,"q": "task %d"`, i, i%28+1, i, i)
}

func lines(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		b.WriteString(line(i) + "}\n")
	}
	return b.String()
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// options returns the options for a file in the test's folder.
func options(t *testing.T, input string) tableOptions {
	t.Helper()
	dir := t.TempDir()
	in := filepath.Join(dir, "in.jsonl")
	put(t, in, input)
	opts := optionsFor(in, filepath.Join(dir, "out.jsonl"))
	opts.Workers = 16
	opts.Retry = executors.Retry{MaxAttempts: 4, Backoff: executors.Exponential, Initial: time.Millisecond, Max: time.Second}
	return opts
}

func client(server *llmtest.Server, workers int) *llm.Client {
	return server.Client(llm.Settings{Provider: llm.OpenAI, Model: "test", MaxConcurrent: workers})
}

func written(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

// checkRow compares a row of the output with its row of the input.
func checkRow(t *testing.T, got string, i int, fails bool) {
	t.Helper()
	want := fmt.Sprintf(`%s,"subsequent_task":"after task %d","composition_task":"both task %d"}`, line(i), i, i)
	if !fails {
		if got != want {
			t.Errorf("row %d\ngot  %s\nwant %s", i, got, want)
		}
		return
	}
	if !strings.HasPrefix(got, line(i)+`,"error":"`) || !strings.Contains(got, `"error_type":"`) || strings.Contains(got, "subsequent_task") {
		t.Errorf("row %d, which failed: %s", i, got)
	}
	if !json.Valid([]byte(got)) {
		t.Errorf("row %d is no JSON: %s", i, got)
	}
}

// TestFaults runs a batch of 2,000 rows, of which 1 % always fail and 10 % fail
// once, and checks results, order, passthrough and usage.
func TestFaults(t *testing.T) {
	t.Parallel()
	const n = 2000
	number := func(task string) (i int) { fmt.Sscanf(task, "task %d", &i); return i }
	f := &faulty{
		asked: map[string]int{},
		never: func(task string) bool { return number(task)%100 == 37 },
		once:  func(task string) bool { return number(task)%10 == 5 },
	}
	server := llmtest.New(t, llmtest.Script{Answer: f.answer}).Quiet()
	opts := options(t, lines(0, n))
	report, err := runTable(t.Context(), client(server, opts.Workers), opts)
	if err != nil {
		t.Fatal(err)
	}
	if report.Counts != (Counts{OK: n - n/100, Failed: n / 100}) {
		t.Errorf("counts: %+v", report.Counts)
	}
	got := written(t, opts.Output)
	if len(got) != n {
		t.Fatalf("%d rows", len(got))
	}
	for i, row := range got {
		checkRow(t, row, i, i%100 == 37)
	}
	want := n + n/10
	if server.Count() != want {
		t.Errorf("%d requests, want %d", server.Count(), want)
	}
	var tokens int
	for i := range n {
		if i%100 != 37 {
			tokens += 10 + (len(good(fmt.Sprint("task ", i)).Text)+3)/4
		}
	}
	if used := opts.Meter.Used(); used.Tokens() != tokens || used.Requests != want {
		t.Errorf("usage is %+v, want %d tokens and %d requests", used, tokens, want)
	}
}

// TestFailedAgain checks that failed rows are requested again only with
// retry_failed, and that other parameters have other keys in the journal.
func TestFailedAgain(t *testing.T) {
	t.Parallel()
	f := &faulty{asked: map[string]int{}, never: func(task string) bool { return task == "task 3" }}
	server := llmtest.New(t, llmtest.Script{Answer: f.answer})
	opts := options(t, lines(0, 6)+lines(0, 6))
	start := func(change func(*tableOptions)) Report {
		o := opts
		o.Meter = llm.NewMeter(llm.Ceiling{}, nil)
		if change != nil {
			change(&o)
		}
		report, err := runTable(t.Context(), client(server, 4), o)
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	if got := start(nil).Counts; got != (Counts{OK: 10, Failed: 2}) || f.total() != 6 {
		t.Errorf("%+v after %d requests", got, f.total())
	}
	if got := start(nil).Counts; got.Failed != 2 || f.total() != 6 {
		t.Errorf("%+v after %d requests", got, f.total())
	}
	f.mu.Lock()
	f.never = nil
	f.mu.Unlock()
	if got := start(func(o *tableOptions) { o.RetryFailed = true }).Counts; got != (Counts{OK: 12}) || f.total() != 7 {
		t.Errorf("%+v after %d requests", got, f.total())
	}
	if start(func(o *tableOptions) { o.Params.Language, o.Overwrite = "German", true }); f.total() != 13 {
		t.Errorf("other parameters made %d requests", f.total())
	}
	if start(func(o *tableOptions) { o.Cache, o.Overwrite = false, true }); f.total() != 25 {
		t.Errorf("without the cache there were %d requests", f.total())
	}
}

// TestStopped checks that a failure that would repeat for every row stops the
// batch and keeps the results, and that a cancelled batch can be continued.
func TestStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	f := &faulty{asked: map[string]int{}}
	server := llmtest.New(t, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step {
		if f.total() == 20 {
			cancel(enough)
		}
		return f.answer(r)
	}})
	opts := options(t, lines(0, 50))
	opts.Workers = 2
	report, err := runTable(ctx, client(server, 2), opts)
	if !errors.Is(err, enough) || report.Counts.OK < 15 || report.Counts.Failed != 0 || report.Counts.OK+report.Counts.Unreached != 50 {
		t.Errorf("got %+v, %v", report, err)
	}
	if n := len(written(t, opts.Output)); n != report.Counts.OK {
		t.Errorf("%d rows are written of %d", n, report.Counts.OK)
	}
	if report, err = runTable(t.Context(), client(server, 2), opts); err != nil || report.Counts.OK != 50 {
		t.Errorf("then %+v, %v", report, err)
	}

	refusing := llmtest.New(t, llmtest.Script{Otherwise: &llmtest.Step{Status: 401, Message: "who are you?"}})
	opts = options(t, lines(0, 50))
	report, err = runTable(t.Context(), client(refusing, 4), opts)
	if executors.AsError(err) == nil || executors.AsError(err).Type != executors.AuthenticationError || report.Counts.Unreached != 50 || refusing.Count() > 16 {
		t.Errorf("got %+v, %v after %d requests", report, err, refusing.Count())
	}
}

// TestNeverLess checks that a stopped batch does not replace an earlier output
// that has more rows: rows made with other parameters, and failed rows that
// were to be retried.
func TestNeverLess(t *testing.T) {
	t.Parallel()
	f := &faulty{asked: map[string]int{}, never: func(task string) bool { return task == "task 3" || task == "task 40" }}
	server := llmtest.New(t, llmtest.Script{Answer: f.answer})
	opts := options(t, lines(0, 50))
	opts.Workers = 1
	if report, err := runTable(t.Context(), client(server, 1), opts); err != nil || report.Counts.Failed != 2 {
		t.Fatal(report, err)
	}
	before := written(t, opts.Output)
	stopped := func(change func(*tableOptions)) []string {
		o := opts
		change(&o)
		o.Meter = llm.NewMeter(llm.Ceiling{Tokens: 1}, nil) // the first request reaches it
		report, err := runTable(t.Context(), client(server, 1), o)
		if !errors.Is(err, llm.ErrCeiling) {
			t.Fatal(report, err)
		}
		return written(t, opts.Output)
	}
	if got := stopped(func(o *tableOptions) { o.Params.Language, o.Overwrite = "German", true }); !slices.Equal(got, before) {
		t.Errorf("%d rows are left of %d", len(got), len(before))
	}
	if got := stopped(func(o *tableOptions) { o.RetryFailed = true }); !slices.Equal(got, before) {
		t.Errorf("%d rows are left of %d", len(got), len(before))
	}
	if left, err := os.ReadDir(filepath.Dir(opts.Output)); err != nil || len(left) != 3 {
		t.Errorf("beside the output: %v, %v", left, err)
	}
}

// TestFileErrors checks that errors in a file are reported before the first
// request.
func TestFileErrors(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step { return good(asked(r)) }})
	cases := []struct {
		input, says string
		change      func(*tableOptions)
	}{
		{"", "no rows", nil},
		{"no row\n", "no rows", nil},
		{lines(0, 2), `no row has the key "z"`, func(o *tableOptions) { o.TaskKey = "z" }},
		{lines(0, 2) + `{"q": " "}`, "in row 3 it is empty", nil},
		{lines(0, 2) + `{"q": 1}`, "in row 3 it is not a string", nil},
		{lines(0, 2) + `{"p": 1}`, "in row 3 it is missing", nil},
		{`{"q": "a", "error": "x"}`, `already has the key "error"`, nil},
		{lines(0, 2), "itself", func(o *tableOptions) { o.Composed = "q" }},
		{lines(0, 2), "both", func(o *tableOptions) { o.Composed = "subsequent_task" }},
		{lines(0, 2), "the input itself", func(o *tableOptions) { o.Output = o.Input }},
		{lines(0, 2), "suffix", func(o *tableOptions) { o.Output += ".txt" }},
		{lines(0, 2), "no such file", func(o *tableOptions) { o.Input += "l.jsonl" }},
		{lines(0, 2), "an earlier version", func(o *tableOptions) { put(t, o.Output+".journal", "chainwright journal 1\n") }},
		{lines(0, 2), "is not the journal", func(o *tableOptions) { put(t, o.Output+".journal", "notes of mine") }},
		{lines(0, 2), "no such file", func(o *tableOptions) { o.Output = "/nowhere/at/all/out.csv" }},
	}
	for _, c := range cases {
		opts := options(t, c.input)
		if c.change != nil {
			c.change(&opts)
		}
		_, err := runTable(t.Context(), client(server, 2), opts)
		failed := executors.AsError(err)
		if failed == nil || failed.Type != executors.ValidationError || !strings.Contains(failed.Message, c.says) {
			t.Errorf("want %q, got %v", c.says, err)
		}
	}
	if server.Count() != 0 {
		t.Errorf("%d requests were sent", server.Count())
	}
}

// TestBadLinesAndFormats checks that a bad line is reported and does not affect
// other lines, and that existing columns are replaced with overwrite.
func TestBadLinesAndFormats(t *testing.T) {
	t.Parallel()
	f := &faulty{asked: map[string]int{}, never: func(task string) bool { return task == "b" }}
	server := llmtest.New(t, llmtest.Script{Answer: f.answer})
	opts := options(t, "")
	opts.Input, opts.Output = filepath.Join(filepath.Dir(opts.Input), "in.csv"), filepath.Join(filepath.Dir(opts.Input), "out.csv")
	put(t, opts.Input, "id,q,error\r\n\"001\",a,old\r\n002\r\n003,b,\r\n")
	opts.Overwrite = true
	var bad []int
	opts.OnBad = func(b *rows.Bad) { bad = append(bad, b.Number) }
	report, err := runTable(t.Context(), client(server, 2), opts)
	if err != nil || report.Bad != 1 || len(bad) != 1 || bad[0] != 3 || report.Counts != (Counts{OK: 1, Failed: 1}) {
		t.Fatalf("got %+v, %v, bad %v", report, err, bad)
	}
	got := written(t, opts.Output)
	if len(got) != 3 || got[0] != "id,q,error,subsequent_task,composition_task,error_type,raw_reply\r" || got[1] != "\"001\",a,,after a,both a,,\r" ||
		!strings.HasPrefix(got[2], "003,b,") || strings.Contains(got[2], "after") {
		t.Errorf("got %q", got)
	}
	for _, suffix := range []string{".parquet", ".json"} {
		o := opts
		o.Output = strings.TrimSuffix(opts.Output, ".csv") + suffix
		if report, err := runTable(t.Context(), client(server, 2), o); err != nil || report.Counts.OK != 1 {
			t.Errorf("%s: %+v, %v", suffix, report, err)
		}
	}
}

// A journal that callers could write is not used: its answers would be theirs.
func TestTheJournalIsOutOfReach(t *testing.T) {
	t.Parallel()
	work, own := t.TempDir(), t.TempDir()
	pol := executortest.Policy(t, policy.Config{Files: policy.Files{Roots: map[string]policy.Root{"work": {Path: work, Write: true}}}})
	for output, reachable := range map[string]bool{filepath.Join(work, "out.jsonl"): true, filepath.Join(own, "out.jsonl"): false} {
		err := journalTrusted(pol, output)
		if refused := err != nil && strings.Contains(err.Error(), "policy.files.roots.work ("); refused != reachable {
			t.Errorf("%s: %v", output, err)
		}
	}
}

// TestCeilingOfATable checks that a batch stops at the operator's ceiling,
// counts on from its journal when it is started again, and continues when the
// ceiling is raised.
func TestCeilingOfATable(t *testing.T) {
	t.Parallel()
	server := llmtest.New(t, llmtest.Script{Answer: func(r llmtest.Request) llmtest.Step {
		step := good(asked(r))
		step.Usage = &llmtest.Usage{Input: 50, Output: 50}
		return step
	}})
	opts := options(t, lines(0, 9))
	opts.Workers = 1
	for _, start := range []struct{ ceiling, ok, sent int }{{450, 5, 5}, {450, 5, 0}, {500, 5, 0}, {700, 7, 2}, {0, 9, 2}} {
		model := server.Client(llm.Settings{Provider: llm.OpenAI, Model: "test", MaxTokensTotal: start.ceiling})
		opts.Meter = opts.meter(model, &executors.Call{RunID: "run"})
		before := server.Count()
		report, err := runTable(t.Context(), model, opts)
		if report.Counts.OK != start.ok || report.Counts.Failed != 0 || server.Count()-before != start.sent || errors.Is(err, llm.ErrCeiling) != (start.ok < 9) {
			t.Errorf("ceiling %d: %+v after %d requests: %v", start.ceiling, report.Counts, server.Count()-before, err)
		}
		if n := len(written(t, opts.Output)); n != start.ok {
			t.Errorf("ceiling %d: %d rows are written", start.ceiling, n)
		}
	}
}
