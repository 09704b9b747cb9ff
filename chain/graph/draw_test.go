package graph_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
	"github.com/chainwright/chainwright/executors/executortest"
)

var start = time.Date(2026, 12, 1, 4, 0, 0, 0, time.UTC)

// runOf returns a run of tasks: "a completed 0-3; b failed 3-4.5 x2; c skipped".
func runOf(t *testing.T, tasks []chain.Outline, text string) *chain.RunView {
	t.Helper()
	view := &chain.RunView{RunID: "0199c1e2-7b3a-7c55-9d0e-5f8e4c1d2a3b", Name: "report", Status: chain.Failed, CreatedAt: start, DurationMS: 12_400, Counts: chain.Counts{}}
	for i, part := range strings.Split(text, ";") {
		words := strings.Fields(part)
		v := chain.TaskView{ID: tasks[i].ID, Name: tasks[i].Name, Executor: tasks[i].Executor, Handler: tasks[i].Handler, Status: chain.State(words[1]), Attempts: 1}
		for _, word := range words[2:] {
			var from, to float64
			if n, _ := fmt.Sscanf(word, "%g-%g", &from, &to); n == 2 {
				v.CompletedAt = at(to)
				v.StartedAt = at(from)
			} else if n == 1 && strings.HasSuffix(word, "-") {
				v.StartedAt = at(from)
			}
			fmt.Sscanf(word, "x%d", &v.Attempts)
		}
		if v.Status == chain.Failed {
			v.Error = "the server answered 503 <unavailable>"
		}
		if words[0] != v.ID {
			t.Fatalf("%s is not %s", words[0], v.ID)
		}
		if v.Handler != "" {
			view.Handlers = append(view.Handlers, v)
			continue
		}
		view.Tasks = append(view.Tasks, v)
		view.Counts[v.Status]++
	}
	return view
}

func at(seconds float64) *time.Time {
	t := start.Add(time.Duration(seconds * float64(time.Second)))
	return &t
}

// pictures are what the golden files of all formats show.
func pictures(t *testing.T) map[string]*graph.Subject {
	report := tasksOf("extract; clean < extract; rows for < clean; check < clean; ask asks < check; load < rows ask; index < extract load?; note when < load; on_failure: alarm; on_exit: tidy")
	names := []string{`say "hi" <b>`, "a\nb\tc\x1b[31m", "\u202etxt.exe", "`x` & #35; ]]> -->", strings.Repeat("very long ", 30), "日本語のタスク", "مرحبا", "end", `back\slash \n`, "x|y{z}(q)[r]"}
	var hostile []chain.Outline
	for i, name := range names {
		hostile = append(hostile, chain.Outline{ID: fmt.Sprintf("t%d", i), Name: name, Executor: "rest_executor", Parent: -1})
		if i%2 == 1 {
			hostile[i].ID = name
		}
		if i > 0 {
			hostile[i].Dependencies = []chain.Dependency{{Task: i / 2, Required: true}}
		}
	}
	return map[string]*graph.Subject{
		"plan": {Name: "daily report", Tasks: report},
		"run": {Name: "daily report", Tasks: report, Now: *at(12.4), Elements: map[string]graph.Elements{"rows": {chain.Completed: 7, chain.Failed: 1, chain.InProgress: 2}},
			Run: runOf(t, report, "extract completed 0-2; clean completed 2-2.5; rows in_progress 2.5-; check completed 2.5-3; ask waiting 3-; load pending; index failed 2-9 x3; note skipped; alarm pending; tidy cancelled")},
		"guide":   guide(t),
		"one":     {Tasks: tasksOf("a")},
		"crossed": {Tasks: tasksOf("a; b; c < a b; d < a b; e < c; f < d a; g < e b?")},
		"knot":    {Tasks: tasksOf("a; b; c; d < b; e < a; f < c; g < e d; h < f a")},
		"folded":  {Name: "folded", Tasks: large["fan-out"](1000), Run: nil},
		"hostile": {Name: "<script>alert(1)</script>\u202e", Tasks: hostile},
	}
}

// guide returns the run that docs/task-tree.md shows.
func guide(t *testing.T) *graph.Subject {
	tasks := tasksOf("fetch; rows for < fetch; check < fetch; load < rows check")
	return &graph.Subject{
		Name: "nightly", Tasks: tasks, Elements: map[string]graph.Elements{"rows": {chain.Completed: 40}},
		Run: runOf(t, tasks, "fetch completed 0-0.48; rows completed 0.48-2.6; check completed 0.48-3; load failed 3-10 x3"),
	}
}

// TestTheGuidesPicture checks that the guide shows what the program draws.
func TestTheGuidesPicture(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/task-tree.md")
	if err != nil {
		t.Fatal(err)
	}
	want := "```text\n" + guide(t).Draw(most).Text(graph.TextOptions{Width: 120}) + "```"
	if !strings.Contains(strings.ReplaceAll(string(text), "\r\n", "\n"), want) {
		t.Errorf("docs/task-tree.md does not have\n%s", want)
	}
}

var most = graph.Options{Most: 200}

func TestGoldenPictures(t *testing.T) {
	t.Parallel()
	for name, s := range pictures(t) {
		p := s.Draw(most)
		golden := func(kind, text string) {
			t.Helper()
			executortest.Golden(t, filepath.Join("testdata", "pictures", name+"."+kind), []byte(text))
		}
		for _, width := range []int{40, 80, 200} {
			golden(fmt.Sprintf("%d.txt", width), p.Text(graph.TextOptions{Width: width}))
		}
		golden("ascii.txt", p.Text(graph.TextOptions{Width: 120, ASCII: true}))
		mermaid, _ := s.Mermaid(most)
		golden("mmd", mermaid)
		golden("dot", p.Dot())
		golden("svg", p.SVG())
		golden("json", strings.ReplaceAll(string(p.JSON()), "},{", "},\n{")+"\n")
	}
}

// TestPicturesOfAnything checks what holds for each picture.
func TestPicturesOfAnything(t *testing.T) {
	t.Parallel()
	for name, s := range pictures(t) {
		checkPicture(t, name, s)
	}
	for name, build := range large {
		for _, n := range []int{1, 2, 50, 600} {
			checkPicture(t, name, &graph.Subject{Tasks: build(n)})
		}
	}
}

func checkPicture(t *testing.T, name string, s *graph.Subject) {
	t.Helper()
	p := s.Draw(most)
	for _, width := range []int{0, 20, 40, 80, 200} {
		for _, ascii := range []bool{false, true} {
			text := p.Text(graph.TextOptions{Width: width, ASCII: ascii})
			if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) }) {
				t.Errorf("%s: control characters in\n%q", name, text)
			}
			for line := range strings.SplitSeq(text, "\n") {
				if n := graph.Columns(line); n > max(width, 20) {
					t.Errorf("%s in %d columns has a line of %d: %s", name, width, n, line)
				}
			}
		}
	}
	mermaid, warning := s.Mermaid(most)
	if n := strings.Count(mermaid, "-->") + strings.Count(mermaid, "==>") + strings.Count(mermaid, "-.->"); n > 500 || len(mermaid) > 50_000 {
		t.Errorf("%s: %d lines in %d characters of Mermaid", name, n, len(mermaid))
	}
	if (len(p.Edges) > 500) && warning == "" {
		t.Errorf("%s: no warning of %d edges", name, len(p.Edges))
	}
	wellFormed(t, name, p.SVG())
}

func wellFormed(t *testing.T, name, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%s: %v in\n%s", name, err, text)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "script" {
			t.Errorf("%s has a script", name)
		}
	}
}

func FuzzPictures(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 1, 3, 2}, "a name", 40)
	f.Add([]byte{1, 5, 1, 20, 9, 13, 7, 40, 17, 50}, "\u202e\"]<b>#\x00日本", 80)
	f.Fuzz(func(t *testing.T, data []byte, name string, width int) {
		n := len(data)%40 + 1
		tasks := many(n, func(int) []int { return nil })
		for k, b := range data {
			task := &tasks[k%n]
			if task.Name = name; k == 0 {
				task.ID = name
			}
			switch other := int(b>>2) % n; b % 4 {
			case 0, 1, 2:
				task.Dependencies = append(task.Dependencies, chain.Dependency{Task: other, Required: b%4 == 0})
			default:
				task.ForEach = true
			}
		}
		view := &chain.RunView{RunID: name, Name: name, Status: chain.InProgress, CreatedAt: start, Tasks: make([]chain.TaskView, n)}
		for i := range view.Tasks {
			view.Tasks[i] = chain.TaskView{ID: tasks[i].ID, Name: name, Status: chain.States[(i+len(data))%len(chain.States)], StartedAt: at(float64(i)), Error: name}
			if i%2 == 0 {
				view.Tasks[i].CompletedAt = at(float64(2 * i))
			}
		}
		checkPicture(t, "plan", &graph.Subject{Name: name, Tasks: tasks})
		s := &graph.Subject{Name: name, Tasks: tasks, Run: view, Now: start}
		checkPicture(t, "run", s)
		s.Draw(most).Text(graph.TextOptions{Width: width % 1000})
		s.Draw(graph.Options{Most: len(name) % 10}).Dot()
	})
}
