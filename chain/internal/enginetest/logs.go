package enginetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
)

// Pages returns the pages of a task's log that have text, to the end of what there is.
func (b *Bench) Pages(t testing.TB, runID, task string, element, after int64) (list []chain.LogPage) {
	t.Helper()
	for {
		page, err := b.Engine.Log(t.Context(), runID, task, "", element, after)
		if err != nil {
			t.Fatal(err)
		}
		if page.Text == "" {
			return list
		}
		list, after = append(list, page), page.Next
	}
}

// AwaitLog reads the log of a task until it has a text.
func (b *Bench) AwaitLog(t testing.TB, runID, task, text string) {
	t.Helper()
	executortest.Await(t, fmt.Sprintf("the text %q in the log of %s", text, task), func() bool {
		var all strings.Builder
		for _, page := range b.Pages(t, runID, task, chain.AnyElement, 0) {
			all.WriteString(page.Text)
		}
		return strings.Contains(all.String(), text)
	})
}

// The log of a task is there while it runs, with its attempts and elements.
func log(t *testing.T, b *Bench) {
	id := b.begin(t, `[
		{"id":"slow","name":"slow","schemas":{"method":"probe"},"inputs":{"says":"grüße\n","mark":"slow","sleep":29}},
		{"id":"each","name":"each","schemas":{"method":"probe"},"for_each":["a","b","c"],"inputs":{"says":"${{ item }}\n"}},
		{"id":"twice","name":"twice","schemas":{"method":"probe"},"retry":{"max_attempts":2,"initial_seconds":0.001},"inputs":{"says":"try\n","fail":"no","times":1,"retryable":true}},
		{"id":"silent","name":"silent","schemas":{"method":"probe"}}]`, chain.RunOptions{})
	b.AwaitLog(t, id, "slow", "grüße\n")
	page, err := b.Engine.Log(t.Context(), id, "slow", "", chain.AnyElement, 0)
	if err != nil || page != (chain.LogPage{Task: "slow", Attempt: 1, Text: "grüße\n", Next: 8}) {
		t.Errorf("while it runs: %+v, %v", page, err)
	}
	if _, err := b.Cancel(t.Context(), id, "slow", ""); err != nil {
		t.Fatal(err)
	}
	b.End(t, id)
	for _, c := range []struct {
		task           string
		element, after int64
		want           []string // attempt, element, offset, text, next, dropped, ended
	}{
		{"slow", -1, 0, []string{`1 - 0 "grüße\n" 8 0 true`}},
		{"slow", -1, 3, []string{`1 - 4 "ße\n" 8 0 true`}},
		{"slow", -1, -3, []string{`1 - 6 "e\n" 8 0 true`}},
		{"slow", -1, -100, []string{`1 - 0 "grüße\n" 8 0 true`}},
		{"slow", 0, 0, nil},
		{"twice", -1, 0, []string{`1 - 0 "try\n" 4 0 false`, `2 - 4 "try\n" 8 0 true`}},
		{"each", 1, 0, []string{`1 1 * "b\n" * 0 true`}},
		{"silent", -1, 0, nil},
		{"silent", -1, -5, nil},
	} {
		var got []string
		for _, p := range b.Pages(t, id, c.task, c.element, c.after) {
			element := "-"
			if p.Element != nil {
				element = fmt.Sprint(*p.Element)
			}
			place, next := fmt.Sprint(p.Offset), fmt.Sprint(p.Next)
			if c.task == "each" {
				place, next = "*", "*" // in the order in which they came
			}
			got = append(got, fmt.Sprintf("%d %s %s %q %s %d %v", p.Attempt, element, place, p.Text, next, p.Dropped, p.Ended))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("the log of %s, element %d, after %d: %q, want %q", c.task, c.element, c.after, got, c.want)
		}
	}
	var all []string
	for _, p := range b.Pages(t, id, "each", chain.AnyElement, 0) {
		all = append(all, fmt.Sprintf("%d:%s", *p.Element, p.Text))
	}
	if slices.Sort(all); !slices.Equal(all, []string{"0:a\n", "1:b\n", "2:c\n"}) {
		t.Errorf("the log of all elements: %q", all)
	}
	page, err = b.Engine.Log(t.Context(), id, "silent", "", chain.AnyElement, 0)
	if err != nil || page != (chain.LogPage{Task: "silent", Ended: true}) {
		t.Errorf("without a log: %+v, %v", page, err)
	}
	for _, c := range []struct {
		run, task, principal string
		element              int64
		kind                 executors.ErrorType
	}{
		{"no", "slow", "", -1, executors.NotFound}, {id, "no", "", -1, executors.NotFound}, {id, "slow", "bob", -1, executors.NotFound},
		{id, "slow", "", -2, executors.ValidationError},
	} {
		if _, err := b.Engine.Log(t.Context(), c.run, c.task, c.principal, c.element, 0); executors.AsError(err) == nil || executors.AsError(err).Type != c.kind {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// What a task puts out when it is run again follows what it put out before.
func logOfRetry(t *testing.T, b *Bench) {
	v := b.RunTree(t, `[{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"says":"again\n","fail":"no","times":1}}]`, chain.RunOptions{})
	if _, err := b.Retry(t.Context(), v.RunID, nil, ""); err != nil {
		t.Fatal(err)
	}
	b.End(t, v.RunID)
	list := b.Pages(t, v.RunID, "a", chain.AnyElement, 0)
	if len(list) != 2 || list[0].Attempt != 1 || list[1].Attempt != 2 || list[1].Offset != 6 || list[1].Text != "again\n" || !list[1].Ended {
		t.Errorf("the log: %+v", list)
	}
}

// A direct call has a log too, while it goes on and later.
func logOfCall(t *testing.T, b *Bench) {
	for _, c := range []struct{ executor, mark string }{{"probe", "read"}, {"probe_write", "written"}} {
		done := make(chan chain.CallResult, 1)
		go func() {
			done <- b.Call(t.Context(), c.executor, []byte(`{"says":"hello\n","mark":"`+c.mark+`","sleep":29}`), chain.CallOptions{})
		}()
		b.Probes.Await(t, c.mark)
		runs, _, err := b.List(t.Context(), chain.ListOptions{Status: string(chain.InProgress)})
		if err != nil {
			t.Fatal(err)
		}
		var id string
		if len(runs) == 1 {
			id = runs[0].RunID
		} else {
			t.Fatalf("the calls in progress: %+v", runs)
		}
		b.AwaitLog(t, id, "task_1", "hello\n")
		if _, err := b.Cancel(t.Context(), id, "", ""); err != nil {
			t.Fatal(err)
		}
		<-done
		if list := b.Pages(t, id, "task_1", chain.AnyElement, 0); len(list) != 1 || list[0].Text != "hello\n" || !list[0].Ended {
			t.Errorf("%s: the log after the end: %+v", c.executor, list)
		}
	}
	for _, executor := range []string{"probe", "probe_write"} {
		r := b.Call(t.Context(), executor, []byte(`{"says":"short"}`), chain.CallOptions{})
		if list := b.Pages(t, r.RunID, "task_1", chain.AnyElement, 0); len(list) != 1 || list[0].Text != "short" || !list[0].Ended {
			t.Errorf("%s: the log of a short call: %+v", executor, list)
		}
	}
}

// Of a long log, the end is kept, and what is gone is counted.
func longLog(t *testing.T, b *Bench) {
	const line, times = "ä line of the log that is forty bytes..\n", 250_000
	v := b.RunTree(t, fmt.Sprintf(`[{"id":"a","name":"a","schemas":{"method":"probe"},"inputs":{"says":%q,"says_times":%d}}]`, line, times), chain.RunOptions{})
	var kept, dropped, next int64
	for _, p := range b.Pages(t, v.RunID, "a", chain.AnyElement, 0) {
		if p.Offset != next+p.Dropped {
			t.Fatalf("a page at %d after %d, with %d dropped", p.Offset, next, p.Dropped)
		}
		kept, dropped, next = kept+int64(len(p.Text)), dropped+p.Dropped, p.Next
	}
	if total := int64(len(line) * times); kept+dropped != total || kept < 1<<20-4 || kept > 1<<20+64<<10 {
		t.Errorf("%d kept and %d dropped of %d", kept, dropped, total)
	}
	tail := b.Pages(t, v.RunID, "a", chain.AnyElement, -int64(len(line)))
	if len(tail) != 1 || tail[0].Text != line || tail[0].Dropped != 0 || !tail[0].Ended {
		t.Errorf("the last line: %+v", tail)
	}
}
