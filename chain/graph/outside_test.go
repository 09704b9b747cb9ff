package graph_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
)

// outside returns the pictures that other programs read, and the folder in which
// those are: the golden ones, large ones, and names of what such programs could read
// as a part of their language.
func outside(t *testing.T) (folder string, all map[string]*graph.Subject) {
	t.Helper()
	if folder = os.Getenv("CHAINWRIGHT_TEST_GRAPH"); folder == "" {
		t.Skip("it takes Graphviz, Mermaid and a browser: make test-graph")
	}
	all = pictures(t)
	for _, n := range []int{50, 600} {
		for name, build := range large {
			all[fmt.Sprintf("%s of %d", name, n)] = &graph.Subject{Name: name, Tasks: build(n)}
		}
	}
	parts := []string{`"`, `'`, "`", `\`, `\n`, "<b>", "</svg>", "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;", "&#65;", "#35;", "#quot;", "%%", "--", "-->", "]]>", "end", "graph", "subgraph", "click n0 href",
		"{", "}", "[", "]", "(", ")", "|", ";", ":::", "~~~", "@{", "**bold**", "_x_", "1. ", "- ", "# ", "$$x$$", "fa:fa-ban", "http://x.invalid", "\\N", "\\G", "%s", "日本", "ß", "  "}
	r := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // any numbers will do
	for round := range 12 {
		tasks := many(30, func(i int) []int {
			if i == 0 {
				return nil
			}
			return []int{r.IntN(i)}
		})
		view := &chain.RunView{RunID: "r", Status: chain.Failed, CreatedAt: start, Counts: chain.Counts{}}
		for i := range tasks {
			var name strings.Builder
			for range 1 + r.IntN(4) {
				name.WriteString(parts[r.IntN(len(parts))])
			}
			tasks[i].Name = name.String()
			tasks[i].When, tasks[i].ForEach, tasks[i].Approval = i%5 == 1, i%5 == 2, i%5 == 3
			if i%3 == 0 {
				tasks[i].ID = fmt.Sprintf("%s%d", name.String(), i)
			}
			view.Tasks = append(view.Tasks, chain.TaskView{ID: tasks[i].ID, Status: chain.States[i%len(chain.States)], StartedAt: at(0), CompletedAt: at(2), Error: name.String()})
		}
		s := &graph.Subject{Name: parts[round], Tasks: tasks}
		if round%2 == 0 {
			s.Run = view
		}
		all[fmt.Sprintf("hostile names %d", round)] = s
	}
	return folder, all
}

// same compares what another program shows in the nodes with what it was given.
func same(t *testing.T, name string, p *graph.Picture, shown map[string]string) {
	t.Helper()
	if len(shown) != len(p.Nodes) {
		t.Errorf("%s: %d nodes are shown of %d", name, len(shown), len(p.Nodes))
		return
	}
	for i := range p.Nodes {
		want, got := spaced(strings.Join(p.Lines(i), " ")), spaced(shown[fmt.Sprintf("n%d", i)])
		if got != want {
			t.Errorf("%s: node %d is\n%q, want\n%q", name, i, got, want)
		}
	}
}

// spaced returns a text with single spaces, and none without width.
func spaced(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(text, "\u200b", "")), " ")
}

// TestGraphviz lets Graphviz draw every picture: it reads each without a warning,
// and shows the names as they are.
func TestGraphviz(t *testing.T) {
	_, all := outside(t)
	for name, s := range all {
		p := s.Draw(most)
		var svg, said bytes.Buffer
		cmd := exec.CommandContext(t.Context(), "dot", "-Tsvg")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(p.Dot()), &svg, &said
		if err := cmd.Run(); err != nil || said.Len() > 0 {
			t.Errorf("%s: %v: %s", name, err, said.Bytes())
			continue
		}
		same(t, name, p, nodesOf(t, name, svg.Bytes()))
	}
}

// nodesOf returns the texts of the nodes of a picture that Graphviz has drawn.
func nodesOf(t *testing.T, name string, svg []byte) map[string]string {
	t.Helper()
	nodes, inNode, inTitle, inText, id := map[string]string{}, 0, false, false, ""
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nodes
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			node := e.Name.Local == "g" && slices.ContainsFunc(e.Attr, func(a xml.Attr) bool { return a.Name.Local == "class" && a.Value == "node" })
			if node || inNode > 0 {
				inNode++
			}
			inTitle, inText = e.Name.Local == "title", e.Name.Local == "text"
			if e.Name.Local == "script" {
				t.Errorf("%s has a script", name)
			}
		case xml.EndElement:
			if inNode > 0 {
				inNode--
			}
			inTitle, inText = false, false
		case xml.CharData:
			switch {
			case inNode > 0 && inTitle:
				id = string(e)
			case inNode > 0 && inText:
				nodes[id] += strings.ReplaceAll(string(e), "\u00a0", " ") + " "
			}
		}
	}
}

// TestMermaid lets Mermaid draw every picture in a browser: it reads each, shows the
// names as they are, and makes no element, request or dialog of them.
func TestMermaid(t *testing.T) {
	folder, all := outside(t)
	texts := map[string]string{}
	for name, s := range all {
		texts[name], _ = s.Mermaid(most)
	}
	asked, err := json.Marshal(map[string]any{"modules": folder, "chromium": os.Getenv("CHAINWRIGHT_TEST_CHROMIUM"), "diagrams": texts})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "testdata/mermaid.mjs")
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(asked), &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, said.Bytes())
	}
	var drawn struct {
		Problems []string
		Diagrams map[string]struct {
			Error   string
			Nodes   map[string]string
			Foreign []string
		}
	}
	if err := json.Unmarshal(out.Bytes(), &drawn); err != nil {
		t.Fatalf("%v: %.2000s", err, out.Bytes())
	}
	for _, problem := range drawn.Problems {
		t.Errorf("the browser: %s", problem)
	}
	for name, s := range all {
		one, ok := drawn.Diagrams[name]
		if !ok || one.Error != "" || len(one.Foreign) > 0 {
			t.Errorf("%s: %s %q in\n%s", name, one.Error, one.Foreign, texts[name])
			continue
		}
		p := s.Draw(most)
		for size := len(p.Nodes); len(one.Nodes) < size && size > 1; { // as Mermaid does for what is too large
			p = s.Draw(graph.Options{Most: max(1, size*2/3)})
			size = len(p.Nodes)
		}
		same(t, name, p, one.Nodes)
	}
}
