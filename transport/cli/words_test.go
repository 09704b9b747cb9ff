package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/config"
)

func TestATableHangsItsLastColumnOnANarrowTerminal(t *testing.T) {
	t.Parallel()
	table := table{right: map[int]bool{1: true}}
	table.add("NAME", "N", "WHAT")
	table.add("one", "1,000", "a text that is longer than the line has room for")
	var wide, narrow, tiny bytes.Buffer

	require.NoError(t, table.writeTo(&wide, 0))
	require.NoError(t, table.writeTo(&narrow, 40))
	require.NoError(t, table.writeTo(&tiny, 30))

	require.Equal(t, "NAME      N  WHAT\none   1,000  a text that is longer than the line has room for\n", wide.String())
	require.Equal(t, "NAME      N  WHAT\none   1,000  a text that is longer than\n             the line has room for\n", narrow.String())
	require.Equal(t, "NAME      N  WHAT\none   1,000\n      a text that is longer\n      than the line has room\n      for\n", tiny.String())
}

func TestDurationsAndNumbersAsPeopleSayThem(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "<1 ms", 12 * time.Millisecond: "12 ms", 1500 * time.Millisecond: "1.5 s", 90*time.Second + 4*time.Millisecond: "1m30s",
	} {
		require.Equal(t, want, took(d))
	}
	for n, want := range map[int]string{0: "0 tasks", 1: "1 task", 999: "999 tasks", 1000: "1,000 tasks", 1234567: "1,234,567 tasks"} {
		require.Equal(t, want, plural(n, "task"))
	}
}

func TestEveryCommandPrintsErrorsAsJSON(t *testing.T) {
	t.Parallel()
	s := newSession(t.Context(), streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}, nil)
	list := leaves(s.root)
	require.Greater(t, len(list), 30)
	for _, cmd := range list {
		own := cmd.Flags().Lookup("json")
		require.NotNil(t, own, cmd.CommandPath())
		require.False(t, own.Hidden, cmd.CommandPath())
	}
}

func TestACheckThatDoesNotReturnIsAProblem(t *testing.T) {
	t.Parallel()
	found := newCheckup()
	synctest.Test(t, func(t *testing.T) {
		left := make(chan struct{})
		found.run(t.Context(), []check{
			{"store", func(context.Context) func(*checkup) { <-left; return func(*checkup) {} }},
			{"model", func(ctx context.Context) func(*checkup) { <-ctx.Done(); return func(f *checkup) { f.Model = "late" } }},
			{"tools", func(context.Context) func(*checkup) {
				return func(f *checkup) { f.Published = &publishedTools{Tools: 1} }
			}},
		})
		close(left)
	})
	require.Equal(t, []problem{{Part: "store", Message: "the check did not end within 10s: what it asks does not answer"}}, found.Problems)
	require.Equal(t, "late", found.Model)
	require.Equal(t, 1, found.Published.Tools)
}

func TestExitCodesOfAnswers(t *testing.T) {
	t.Parallel()
	fail := func(kind executors.ErrorType) *executors.Error { return executors.Errorf(kind, "no") }
	cases := []struct {
		name string
		res  tools.Result
		want int
	}{
		{"done", tools.Result{Status: tools.StatusCompleted}, exitDone},
		{"wrong input", tools.Result{Err: fail(executors.ValidationError)}, exitUsage},
		{"no such run", tools.Result{Err: fail(executors.NotFound)}, exitUsage},
		{"forbidden", tools.Result{Err: fail(executors.PermissionDenied)}, exitDenied},
		{"failed", tools.Result{Err: fail(executors.ExecutionError)}, exitFailed},
		{"timed out", tools.Result{Err: fail(executors.TimeoutError)}, exitFailed},
		{"the peer forbids", tools.Result{Err: fail(executors.PermissionDenied).WithCode("403")}, exitFailed},
		{"failed with output", tools.Result{Err: fail(executors.NotFound), Result: json.RawMessage(`{}`)}, exitFailed},
		{"told of a failure", tools.Result{Err: fail(executors.ExecutionError), Told: true}, exitDone},
	}
	for _, c := range cases {
		require.Equal(t, c.want, codeOfResult(&c.res), c.name)
	}
}

func TestEveryErrorHasAnExitCode(t *testing.T) {
	t.Parallel()
	stopped, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	cases := []struct {
		name string
		ctx  context.Context
		err  error
		want int
		text string
	}{
		{"none", t.Context(), nil, exitDone, ""},
		{"any", t.Context(), errors.New("broken"), exitFailed, "chainwright: broken\n"},
		{"usage", t.Context(), usage("wrong").withHint("right"), exitUsage, "chainwright: wrong\nhint: right\n"},
		{"configuration", t.Context(), config.Problems{{Where: "f:1", Message: "bad"}}, exitUsage, "chainwright: f:1: bad\n"},
		{"joined", t.Context(), errors.Join(usage("wrong"), nil), exitUsage, "chainwright: wrong\n"},
		{"quiet", t.Context(), quiet(exitFailed), exitFailed, ""},
		{"interrupted", stopped, quiet(exitFailed), exitInterrupted, ""},
		{"interrupted early", stopped, usage("the store: %w", context.Cause(stopped)).withHint("see to the disk"), exitInterrupted, "chainwright: interrupted\n"},
		{"interrupted, and broken", stopped, errors.New("broken"), exitInterrupted, "chainwright: broken\n"},
		{"a tool's words", t.Context(), usage("no run").withHint("list_runs gives the runs there are"), exitUsage, "chainwright: no run\nhint: chainwright runs gives the runs there are\n"},
	}
	for _, c := range cases {
		var said bytes.Buffer
		got := report(&session{ctx: c.ctx, streams: streams{err: &said}}, c.err)
		require.Equal(t, c.want, got, c.name)
		require.Equal(t, c.text, said.String(), c.name)
	}
}

func TestAPictureOfALargeRunShowsWhatDidNotComplete(t *testing.T) {
	t.Parallel()
	view := &chain.RunView{Status: chain.Failed}
	for range 1000 {
		view.Tasks = append(view.Tasks, chain.TaskView{ID: "ok", Status: chain.Completed})
	}
	view.Tasks = append(view.Tasks, chain.TaskView{ID: "bad", Name: "the bad one", Status: chain.Failed})
	var picture bytes.Buffer
	require.NoError(t, draw(&picture, view, order{}))
	require.Contains(t, picture.String(), "└─ ✗ bad  the bad one")
	require.Contains(t, picture.String(), "and 800 more tasks that completed")
	require.Less(t, strings.Count(picture.String(), "\n"), 210)
}

func TestAPictureNestsTasksUnderTheirParents(t *testing.T) {
	t.Parallel()
	start := time.Now()
	end := start.Add(time.Second)
	view := &chain.RunView{Tasks: []chain.TaskView{
		{ID: "root", Status: chain.Completed, StartedAt: &start, CompletedAt: &end},
		{ID: "child", ParentID: "root", Status: chain.Skipped, Reason: chain.ReasonCondition},
		{ID: "other", ParentID: "root", Status: chain.Skipped, Reason: chain.ReasonDependency, BlockedBy: []string{"x", "y"}},
		{ID: "last", Status: chain.Completed, StartedAt: &start, CompletedAt: &end, Attempts: 2},
	}}
	var picture bytes.Buffer
	require.NoError(t, draw(&picture, view, order{after: map[string][]string{"last": {"root"}}}))
	require.Equal(t, strings.Join([]string{
		"├─ ✓ root      completed    1.0 s",
		"│  ├─ – child  skipped (its condition is false)",
		"│  └─ – other  skipped (x, y did not complete)",
		"└─ ✓ last      completed    1.0 s  after 2 attempts  ← root",
		"",
	}, "\n"), picture.String())
}

func TestAPictureHasColumns(t *testing.T) {
	t.Parallel()
	start := time.Now()
	end := start.Add(time.Second)
	root := &pictured{task: &chain.TaskView{ID: "a", Name: "Ask for the prices of all", Status: chain.Completed, StartedAt: &start, CompletedAt: &end}}
	other := &pictured{task: &chain.TaskView{ID: "longer", Name: "longer", Status: chain.Pending}, after: []string{"a"}}
	for limit, want := range map[int][]string{
		0: {
			"├─ ✓ a       Ask for the prices of all  completed    1.0 s",
			"└─ · longer                             pending  ← a",
		},
		50: {
			"├─ ✓ a       Ask for the pric…  completed    1.0 s",
			"└─ · longer                     pending  ← a",
		},
		40: {
			"├─ ✓ a       completed    1.0 s",
			"└─ · longer  pending  ← a",
		},
	} {
		var picture bytes.Buffer
		p := painter{w: &picture, limit: limit}
		p.columns([]*pictured{root, other}, 1)
		p.level([]*pictured{root, other}, "")
		require.NoError(t, p.err)
		require.Equal(t, strings.Join(append(want, ""), "\n"), picture.String())
	}
}

// The display of a run does not overwrite a question.
func TestAQuestionHoldsTheProgress(t *testing.T) {
	t.Parallel()
	var shown bytes.Buffer
	p := &progress{w: &shown, live: true}
	p.draw()
	release := p.hold()
	require.True(t, strings.HasSuffix(shown.String(), "\x1b[1A\x1b[J"), "the line is still there: %q", shown.String())
	drawn := make(chan struct{})
	go func() {
		p.draw()
		close(drawn)
	}()
	select {
	case <-drawn:
		t.Error("it was drawn over the question")
	case <-time.After(20 * time.Millisecond):
	}
	release()
	<-drawn
}

// Without a terminal, a line says how far a run is. It is repeated only after a
// while.
func TestProgressWithoutATerminal(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	p := &progress{w: &said, start: time.Unix(1000, 0)}
	at := func(seconds int64) { p.report(time.Unix(1000+seconds, 0)) }
	at(5) // nothing is known
	p.counts(chain.Counts{chain.InProgress: 4, chain.Completed: 1200, chain.Pending: 3})
	p.tasks([]string{"a", "b  1 of 2", "c", "d"})
	at(10)
	at(15)
	at(69)
	at(70)
	p.tasks(nil)
	p.set(7, 0, "a message")
	at(75)
	require.Equal(t, strings.Join([]string{
		"10.0 s: 1,200 of 1,207 done: 4 in progress, 1200 completed, 3 pending; running: a, b  1 of 2, c and 1 more",
		"1m10s: 1,200 of 1,207 done: 4 in progress, 1200 completed, 3 pending; running: a, b  1 of 2, c and 1 more",
		"1m15s: a message",
		"",
	}, "\n"), said.String())
}

func TestLiveLinesUseTheHeight(t *testing.T) {
	t.Parallel()
	p := &progress{start: time.Now(), done: 1, total: 5, running: []string{"a", "b", "c", "d"}}
	for most, want := range map[int][]string{
		2: {"  … and 4 more"}, 3: {"  ▸ a", "  … and 3 more"}, 4: {"  ▸ a", "  ▸ b", "  … and 2 more"},
		5: {"  ▸ a", "  ▸ b", "  ▸ c", "  ▸ d"}, 50: {"  ▸ a", "  ▸ b", "  ▸ c", "  ▸ d"},
	} {
		lines := p.lines(most)
		require.Contains(t, lines[0], "1 of 5")
		require.Equal(t, want, lines[1:], most)
	}
}

func TestColours(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"├─ ✓ a  completed\n":              "├─ \x1b[32m✓\x1b[0m a  completed\n",
		"│  └─ ✗ b  failed\n":              "│  └─ \x1b[31m✗\x1b[0m b  failed\n",
		"✗ b (x) failed: ✓ no\n":           "\x1b[31m✗\x1b[0m b (x) failed: ✓ no\n",
		"  ▸ c\n":                          "  \x1b[36m▸\x1b[0m c\n",
		"hint: do it\n":                    "\x1b[2mhint: \x1b[0mdo it\n",
		"run 1 a: completed in 1 ms (1)\n": "\x1b[1mrun 1 a: completed in 1 ms (1)\x1b[0m\n",
		"a ✓ text\n":                       "a ✓ text\n",
		"✓ text\n":                         "✓ text\n",
		"?\n":                              "?\n",
		"├─ ✓":                             "├─ ✓",
		"\n":                               "\n",
		"":                                 "",
		"{\"hint\": 1}\n":                  "{\"hint\": 1}\n",
	} {
		require.Equal(t, want, colourLine(line), line)
	}
	var to bytes.Buffer
	p := &painted{to: &to}
	for _, part := range []string{"a line, then ", "hint: x\nhint: ", "y\n"} {
		_, err := p.Write([]byte(part))
		require.NoError(t, err)
	}
	require.Equal(t, "a line, then hint: x\n\x1b[2mhint: \x1b[0my\n", to.String())
	for mode, args := range map[string][]string{
		"auto": {"run", "x"}, "never": {"run", "--color=never"}, "always": {"--color", "always", "run"},
	} {
		require.Equal(t, mode, colourMode(args))
	}
	require.Equal(t, "auto", colourMode([]string{"x", "--", "--color=never"}))
}

// Text with control characters for the terminal is escaped.
func TestAScreenIsNotRuledByText(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"plain text\n\twith ünïcode ✓\n": "plain text\n\twith ünïcode ✓\n",
		"\x1b[2J\x1b]0;title\a":          `\x1b[2J\x1b]0;title\a`,
		"all is well\rnothing is":        `all is well\rnothing is`,
		"a line\r\nanother":              "a line\nanother",
		"\u009b31m \u202egnp.exe\x7f":    `\u009b31m \u202egnp.exe\x7f`,
		"cut \xe2\x82":                   "cut \ufffd\ufffd",
		"\x00":                           `\x00`,
	} {
		require.Equal(t, want, harmless(given))
	}
}

// The shells complete the beginning of every command and flag.
func TestCompletionKnowsEveryCommandAndFlag(t *testing.T) {
	t.Parallel()
	offered := func(args ...string) string {
		var out bytes.Buffer
		require.Equal(t, exitDone, run(t.Context(), append([]string{"__complete"}, args...), streams{strings.NewReader(""), &out, io.Discard}))
		return out.String()
	}
	for _, command := range leaves(newSession(t.Context(), streams{}, nil).root) {
		typed := words(command)
		require.Contains(t, offered(append(slices.Clone(typed[:len(typed)-1]), "")...), typed[len(typed)-1]+"\t"+command.Short)
		command.Flags().VisitAll(func(flag *pflag.Flag) {
			require.Contains(t, offered(append(slices.Clone(typed), "--"+flag.Name)...), "--"+flag.Name+"\t"+flag.Usage)
		})
	}
}
