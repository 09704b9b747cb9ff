package graph_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
	"github.com/chainwright/chainwright/executors/executortest"
)

// drawn are the trees with golden files.
var drawn = map[string]struct {
	tasks string
	opts  graph.Options
}{
	"one":      {tasks: "a"},
	"diamond":  {tasks: "a; b < a; c < a; d < b c"},
	"long":     {tasks: "a; b < a; c < b; d < c a?; e < d a"},
	"crossed":  {tasks: "a; b; c; d < c; e < b; f < a; g < d f"},
	"kinds":    {tasks: "a for; b asks < a; c when < b"},
	"handlers": {tasks: "a; b < a; on_success: s; on_failure: f; on_failure: f2 < f a; on_exit: x; on_exit: x2 < x"},
	"groups":   {tasks: "root; a in root; b in root < a; a1 in a; a2 in a < a1; b1 in b < a2; end in root < b1"},
	"closed":   {tasks: "root; a in root; b in root < a; a1 in a; a2 in a < a1; b1 in b < a2; end in root < b1", opts: graph.Options{Closed: []string{"a"}}},
	"twins":    {tasks: "a; b < a; c < a; d < a; e < a; f < b c d e", opts: graph.Options{Most: 3}},
	"bands":    {tasks: "a; b < a; c < b; d < c; e < d; f < e; on_exit: x; on_exit: y < x", opts: graph.Options{Most: 3}},
}

func TestGoldenLayouts(t *testing.T) {
	t.Parallel()
	for name, c := range drawn {
		l := graph.Of(tasksOf(c.tasks), c.opts)
		checkLayout(t, name, tasksOf(c.tasks), l)
		executortest.Golden(t, filepath.Join("testdata", "layouts", name+".json"), compact(t, l))
	}
}

// compact returns a layout as JSON with a line for each node and edge.
func compact(t *testing.T, l *graph.Layout) []byte {
	t.Helper()
	raw, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(`},{"id"`, "},\n{\"id\"", `},{"from"`, "},\n{\"from\"", `},{"name"`, "},\n{\"name\"",
		`"nodes":[`, "\n\"nodes\":[\n", `],"edges":[`, "],\n\"edges\":[\n", `],"lists":[`, "],\n\"lists\":[\n").Replace(string(raw))
	return []byte(text + "\n")
}

// checkLayout checks what holds for every layout.
func checkLayout(t *testing.T, name string, tasks []chain.Outline, l *graph.Layout) {
	t.Helper()
	wrong := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s: %s", name, fmt.Sprintf(format, args...))
	}
	byID := map[string]*graph.Node{}
	total := 0
	layers := map[int][]*graph.Node{}
	for i := range l.Nodes {
		n := &l.Nodes[i]
		if byID[n.ID] != nil {
			wrong("two nodes have the id %q", n.ID)
		}
		byID[n.ID] = n
		total += max(1, n.Count)
		if n.Count != len(n.Tasks) || n.Count == 1 {
			wrong("node %s has count %d and %d tasks", n.ID, n.Count, len(n.Tasks))
		}
		if n.X < 0 || n.Y < 0 || n.X+n.W > l.Width || n.Y+n.H > l.Height || n.Layer < 0 || n.Layer >= l.Layers {
			wrong("node %s is outside: %+v in %d × %d", n.ID, n, l.Width, l.Height)
		}
		layers[n.Layer] = append(layers[n.Layer], n)
	}
	if total != len(tasks) {
		wrong("%d tasks are drawn, want %d", total, len(tasks))
	}
	for layer, list := range layers {
		slices.SortFunc(list, func(a, b *graph.Node) int { return a.Row - b.Row })
		for k, n := range list {
			if n.Row != k || n.X != list[0].X || k > 0 && n.Y < list[k-1].Y+list[k-1].H {
				wrong("layer %d: node %s is at %d, %d in row %d, want row %d below the one before", layer, n.ID, n.X, n.Y, n.Row, k)
			}
		}
	}
	for i := range tasks {
		if at := l.NodeOf(i); at < 0 || at >= len(l.Nodes) || l.Nodes[at].Count == 0 && l.Nodes[at].ID != tasks[i].ID {
			wrong("task %s is in node %d", tasks[i].ID, at)
		}
	}
	pairs := map[[2]string]bool{}
	for _, e := range l.Edges {
		from, to := byID[e.From], byID[e.To]
		if from == nil || to == nil || from == to || pairs[[2]string{e.From, e.To}] {
			wrong("edge from %q to %q", e.From, e.To)
			continue
		}
		pairs[[2]string{e.From, e.To}] = true
		first, last := e.Points[0], e.Points[len(e.Points)-1]
		if first != [2]int{from.X + from.W, from.Y + from.H/2} || last != [2]int{to.X, to.Y + to.H/2} {
			wrong("edge from %s to %s goes from %v to %v", e.From, e.To, first, last)
		}
		for _, p := range e.Points {
			if p[0] < 0 || p[1] < 0 || p[0] > l.Width || p[1] > l.Height {
				wrong("edge from %s to %s leaves the picture at %v", e.From, e.To, p)
			}
		}
	}
	for i := range tasks {
		for _, d := range tasks[i].Dependencies {
			if d.Task < 0 || d.Task >= len(tasks) {
				continue
			}
			from, to := &l.Nodes[l.NodeOf(d.Task)], &l.Nodes[l.NodeOf(i)]
			if from != to && !pairs[[2]string{from.ID, to.ID}] {
				wrong("there is no edge from %s to %s", from.ID, to.ID)
			}
		}
	}
}

func TestDependenciesGoRight(t *testing.T) {
	t.Parallel()
	for name, build := range large {
		tasks := build(2000)
		l := graph.Of(tasks, graph.Options{})
		checkLayout(t, name, tasks, l)
		for i := range tasks {
			longest := 0
			for _, d := range tasks[i].Dependencies {
				longest = max(longest, l.Nodes[l.NodeOf(d.Task)].Layer+1)
			}
			if got := l.Nodes[l.NodeOf(i)].Layer; got != longest {
				t.Fatalf("%s: %s is in layer %d, want %d", name, tasks[i].ID, got, longest)
			}
		}
	}
}

func TestCrossings(t *testing.T) {
	t.Parallel()
	l := graph.Of(tasksOf(drawn["crossed"].tasks), graph.Options{})
	rows := map[string]int{}
	for _, n := range l.Nodes {
		rows[n.ID] = n.Row
	}
	for _, pair := range [][2]string{{"c", "d"}, {"b", "e"}, {"a", "f"}} {
		if rows[pair[0]] != rows[pair[1]] {
			t.Errorf("%s and %s are in rows %d and %d, want the same", pair[0], pair[1], rows[pair[0]], rows[pair[1]])
		}
	}
}

func TestMost(t *testing.T) {
	t.Parallel()
	for name, build := range large {
		for _, most := range []int{1, 2, 7, 100, 1999, 2000, 2001} {
			tasks := build(2000)
			l := graph.Of(tasks, graph.Options{Most: most})
			checkLayout(t, fmt.Sprint(name, " in ", most), tasks, l)
			if len(l.Nodes) > most {
				t.Errorf("%s: %d nodes, want %d at most", name, len(l.Nodes), most)
			}
			if most >= 2000 && len(l.Nodes) != 2000 {
				t.Errorf("%s: %d nodes with room for %d, want 2000", name, len(l.Nodes), most)
			}
		}
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	tasks := large["fan-out"](100)
	l := graph.Of(tasks, graph.Options{Most: 10})
	if len(l.Nodes) != 2 || l.Nodes[1].Count != 99 || l.Nodes[1].Name != "99 tasks" || l.Nodes[1].Executor != "rest_executor" {
		t.Fatalf("got %d nodes: %+v", len(l.Nodes), l.Nodes[len(l.Nodes)-1])
	}
	l = graph.Of(tasks, graph.Options{Most: 10, Open: []string{l.Nodes[1].ID}})
	if len(l.Nodes) != 100 {
		t.Errorf("the open node is drawn as %d nodes", len(l.Nodes))
	}
	groups := tasksOf(drawn["groups"].tasks)
	for _, c := range []struct {
		opts graph.Options
		want string
	}{
		{graph.Options{Most: 7}, "root a b a1 a2 b1 end"},
		{graph.Options{Most: 6}, "root a+2 b+1 end"},
		{graph.Options{Most: 6, Open: []string{"a"}}, "root a b+1 a1 a2 end"},
		{graph.Options{Closed: []string{"root"}}, "root+6"},
		{graph.Options{Closed: []string{"b", "unknown"}}, "root a b+1 a1 a2 end"},
	} {
		l := graph.Of(groups, c.opts)
		var got []string
		for _, n := range l.Nodes {
			text := n.ID
			if n.Count > 0 {
				text += fmt.Sprintf("+%d", n.Count-1)
			}
			got = append(got, text)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: got %s, want %s", c.opts, strings.Join(got, " "), c.want)
		}
	}
}

// TestHostileTasks draws what no valid tree has.
func TestHostileTasks(t *testing.T) {
	t.Parallel()
	for name, tasks := range map[string][]chain.Outline{
		"none":       {},
		"cycle":      many(3, func(i int) []int { return []int{(i + 1) % 3} }),
		"of itself":  many(2, func(i int) []int { return []int{i} }),
		"outside":    many(2, func(int) []int { return []int{-1, 7} }),
		"two cycles": many(6, func(i int) []int { return []int{i - i%2, (i + 1) % 6} }),
		"parents":    {{ID: "a", Parent: 1}, {ID: "b", Parent: 0}, {ID: "c", Parent: 2}, {ID: "d", Parent: 9}},
		"handler first": {
			{ID: "a", Parent: -1, Handler: chain.OnExit},
			{ID: "b", Parent: 0, Dependencies: []chain.Dependency{{Task: 0}}},
		},
	} {
		for _, opts := range []graph.Options{{}, {Most: 1}, {Most: 2}, {Closed: []string{"a", "task_1"}, Open: []string{"b"}}} {
			checkLayout(t, name, tasks, graph.Of(tasks, opts))
		}
	}
}

func FuzzLayout(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 1, 3, 2}, 0)
	f.Add([]byte{1, 1, 1, 2, 9, 3, 7, 200, 100, 50}, 3)
	f.Fuzz(func(t *testing.T, data []byte, most int) {
		n := len(data)%40 + 1
		lists := []string{"", "", "", "", "", chain.OnSuccess, chain.OnFailure, chain.OnExit}
		tasks := many(n, func(int) []int { return nil })
		for k, b := range data {
			task := &tasks[k%n]
			switch other := int(b>>2) - 1; b % 4 {
			case 0, 1:
				task.Dependencies = append(task.Dependencies, chain.Dependency{Task: other, Required: b%4 == 0})
			case 2:
				task.Parent = other
			default:
				task.Handler = lists[int(b>>2)%len(lists)]
			}
		}
		opts := graph.Options{Most: most % (n + 2), Closed: []string{"task_2"}, Open: []string{"task_3"}}
		l := graph.Of(tasks, opts)
		checkLayout(t, "fuzz", tasks, l)
		again := graph.Of(tasks, opts)
		if a, b := compact(t, l), compact(t, again); string(a) != string(b) {
			t.Error("two layouts of the same tasks differ")
		}
	})
}
