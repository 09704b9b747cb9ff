package cli

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
	"github.com/chainwright/chainwright/chain/parse"
)

type graphCmd struct {
	What   string
	Format string
	Output string
	Width  int
	ASCII  bool
	Most   int
	Open   []string
	Closed []string
	JSON   bool
}

// graphFormats are the formats of a picture, by the ending of a file.
var graphFormats = []struct{ name, ending string }{
	{"text", ".txt"}, {"mermaid", ".mmd"}, {"dot", ".dot"}, {"svg", ".svg"}, {"json", ".json"},
}

func (c *graphCmd) takes() []*param {
	var names []string
	for _, f := range graphFormats {
		names = append(names, f.name)
	}
	return []*param{
		arg("what", &c.What, "A task tree in JSON or YAML, the name of a saved one, or a run: its id, the start of it, or last; - for stdin.").offering(treesAndFiles),
		flag("format", &c.Format, "FORMAT", "The format: text, mermaid, dot, svg or json. The default is that of the file, else text.").short("f").oneOf(names...),
		flag("json", &c.JSON, "", "The same as --format json. Errors are printed as JSON too."),
		flag("output", &c.Output, "FILE", "Write to this file instead of stdout.").short("o"),
		flag("width", &c.Width, "N", "The width of text in columns. The default is that of the terminal, else 100."),
		flag("ascii", &c.ASCII, "", "Draw text with ASCII characters only."),
		flag("most", &c.Most, "N", "Draw at most this number of nodes: several tasks are one node then. 0 draws each task.").initially("200"),
		flag("open", &c.Open, "TASK", "Draw these nodes as single tasks, whatever --most is."),
		flag("closed", &c.Closed, "TASK", "Draw these tasks as one node with all that is grouped under them."),
	}
}

// Run draws a tree or a run.
func (c *graphCmd) Run(s *session) error {
	switch {
	case c.JSON && c.Format != "" && c.Format != "json":
		return usage("--json is --format json, and --format is %s; use one of the two", c.Format).about("--json")
	case c.Width < 0 || c.Width > math.MaxInt16:
		return usage("--width must be 0 to %d; got %d", math.MaxInt16, c.Width)
	case c.Most < 0:
		return usage("--most must not be negative; got %d", c.Most)
	}
	p, err := s.open(unaudited, unselected)
	if err != nil {
		return err
	}
	return finishing(s, p, c.draw(s, p))
}

func (c *graphCmd) draw(s *session, p *program) error {
	subject, err := p.subject(s, c.What)
	if err != nil {
		return err
	}
	text, warning := c.picture(s, subject)
	if warning != "" {
		fmt.Fprintf(s.err, "warning: %s\n", warning)
	}
	if c.Output == "" {
		_, err = fmt.Fprint(s.out, text)
		return err
	}
	if err := os.WriteFile(c.Output, []byte(text), 0o644); err != nil {
		return fmt.Errorf("writing the picture: %w", err)
	}
	fmt.Fprintf(s.err, "wrote %s\n", c.Output)
	return nil
}

// picture returns the picture in the format that is wanted.
func (c *graphCmd) picture(s *session, subject *graph.Subject) (text, warning string) {
	opts := graph.Options{Most: c.Most, Open: c.Open, Closed: c.Closed}
	format := c.format()
	if format == "mermaid" {
		return subject.Mermaid(opts)
	}
	picture := subject.Draw(opts)
	if n := len(picture.Nodes); n < len(subject.Tasks) && len(c.Closed) == 0 {
		warning = fmt.Sprintf("%s are drawn as %s; --most 0 draws each", plural(len(subject.Tasks), "task"), plural(n, "node"))
	}
	switch format {
	case "dot":
		return picture.Dot(), warning
	case "svg":
		return picture.SVG(), warning
	case "json":
		return string(picture.JSON()) + "\n", warning
	}
	columns, ascii := 0, c.ASCII
	if c.Output == "" {
		columns, ascii = width(s.out), ascii || isTerminal(s.out) && onlyASCII(os.Getenv)
	}
	return picture.Text(graph.TextOptions{Width: cmp.Or(c.Width, columns, 100), ASCII: ascii}), warning
}

func (c *graphCmd) format() string {
	if c.JSON {
		return "json"
	}
	if c.Format != "" {
		return c.Format
	}
	for _, f := range graphFormats {
		if strings.EqualFold(filepath.Ext(c.Output), f.ending) {
			return f.name
		}
	}
	return "text"
}

// onlyASCII reports whether the locale says that the terminal shows no Unicode.
func onlyASCII(env func(string) string) bool {
	locale := strings.ToLower(cmp.Or(env("LC_ALL"), env("LC_CTYPE"), env("LANG")))
	return locale != "" && !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
}

// subject returns what to draw: the tree in a file, a saved tree, or a run.
func (p *program) subject(s *session, what string) (*graph.Subject, error) {
	key, text, err := s.treeArgument(what)
	if err != nil {
		return nil, err
	}
	if key == "tree" && !slices.Contains(p.tools.SavedTrees(), what) {
		return p.subjectOf(s, what)
	}
	var tree *chain.Tree
	if key == "tree" {
		if tree, err = p.savedTree(what); err != nil {
			return nil, err
		}
	} else {
		var report chain.Report
		if tree, report = parse.Parse([]byte(text), p.registry, parse.Options{}); !report.Valid() {
			return nil, usage("%s: %w", shownName(what), report.Err())
		}
	}
	return &graph.Subject{Name: tree.Name, Tasks: tree.Outline()}, nil
}

// subjectOf returns a run to draw.
func (p *program) subjectOf(s *session, id string) (*graph.Subject, error) {
	id, err := s.runID(p, id)
	if err != nil {
		return nil, err
	}
	view, err := p.runner.Get(s.ctx, id, "", chain.ResultsUpTo(1))
	if err != nil {
		return nil, unknownRun(err)
	}
	subject := &graph.Subject{Name: view.Name, Run: view, Now: time.Now()}
	var whole bool
	if subject.Tasks, whole = p.tools.OutlineOf(view); !whole {
		fmt.Fprintln(s.err, "warning: what the tasks wait for is not drawn, because the tree of the run can't be read here")
	}
	if slices.ContainsFunc(subject.Tasks, func(t chain.Outline) bool { return t.ForEach }) {
		events, err := p.runner.Events(s.ctx, id, "", 0)
		if err != nil {
			return nil, fmt.Errorf("reading the events of the run: %w", err)
		}
		subject.Elements = graph.ElementsOf(events)
	}
	return subject, nil
}
