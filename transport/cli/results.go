package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/graph"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
)

const (
	// maxResults bounds the results that are printed after a run.
	maxResults = 5
	// maxResultLines bounds the lines of one of them, and maxResultWidth their
	// characters where the terminal does not.
	maxResultLines = 12
	maxResultWidth = 160
	// maxLast is the largest number of tasks of a run whose last tasks are looked
	// for.
	maxLast = 2000
)

// essence are the fields of a result that people look for, the first ones first.
// The others say how the result came about: see the output schemas of the
// executors.
var essence = []string{"result", "json", "content", "text", "stdout", "logs", "rows", "response", "responses", "summary", "value", "results"}

// results prints the results of the tasks on which no other task depends. If the
// tree has outputs, those are printed instead.
func (p *program) results(w io.Writer, view *chain.RunView) {
	if len(view.Outputs)+len(view.OutputErrors) > 0 || !view.Status.Ended() {
		return
	}
	shown := 0
	last := p.lastTasks(view)
	for i, task := range last {
		if i == maxResults {
			fmt.Fprintf(w, "… and the %s of %s\n", oneOrMore(len(last)-i, "result"), plural(len(last)-i, "more task"))
			break
		}
		if shown == 0 {
			fmt.Fprintln(w)
		}
		shown++
		printValue(w, task.ID, essential(task.Result))
	}
}

func oneOrMore(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// outputs prints the outputs of a run, and those that could not be evaluated.
func outputs(w io.Writer, view *chain.RunView) {
	for _, name := range slices.Sorted(maps.Keys(view.Outputs)) {
		printValue(w, "output "+name, view.Outputs[name])
	}
	for _, failed := range view.OutputErrors {
		fmt.Fprintf(w, "%s output %s could not be evaluated: %s\n", graph.Mark(chain.Failed), failed.Name, shorten.Line(failed.Error, 600))
	}
}

// lastTasks returns the completed tasks with a result on which no other task
// depends. Handlers, which run after all tasks, and skipped tasks do not count.
func (p *program) lastTasks(view *chain.RunView) []*chain.TaskView {
	var last []*chain.TaskView
	if len(view.Tasks) > maxLast {
		return nil
	}
	skipped, used := map[string]bool{}, map[string]bool{}
	for i := range view.Tasks {
		skipped[view.Tasks[i].ID] = view.Tasks[i].Status == chain.Skipped
	}
	if len(view.Source) > 0 {
		tree, report := parse.Parse(view.Source, p.registry, parse.Options{})
		if !report.Valid() {
			return nil
		}
		for i := range tree.Tasks {
			if tree.Tasks[i].Handler != "" || skipped[tree.Tasks[i].ID] {
				continue
			}
			for _, dep := range tree.Tasks[i].Dependencies {
				used[tree.Tasks[dep.Task].ID] = true
			}
		}
	}
	for i := range view.Tasks {
		if task := &view.Tasks[i]; !used[task.ID] && task.Status == chain.Completed && len(task.Result) > 0 && string(task.Result) != "null" {
			last = append(last, task)
		}
	}
	return last
}

// essential returns the part of a result that people look for: one of the essence
// that is not empty, else the whole result. Of the results of a for_each, it is the
// part of each.
func essential(result json.RawMessage) json.RawMessage {
	if bytes.HasPrefix(result, []byte("[")) {
		var parts []json.RawMessage
		for element := range strictjson.Elements(result) {
			parts = append(parts, essential(element))
		}
		if raw, err := plainjson.Marshal(parts); err == nil && len(parts) > 0 {
			return raw
		}
		return result
	}
	if !bytes.HasPrefix(result, []byte("{")) {
		return result
	}
	fields := map[string]json.RawMessage{}
	for key, value := range strictjson.Members(result) {
		fields[key] = value
	}
	for _, key := range essence {
		switch value := fields[key]; string(value) {
		case "", "null", `""`, "[]", "{}":
		default:
			return value
		}
	}
	return result
}

// printValue prints a value after its name: on the same line if it fits, else
// indented below. A string is printed as text.
func printValue(w io.Writer, name string, value json.RawMessage) {
	limit := width(w)
	if limit == 0 {
		limit = maxResultWidth
	}
	var text string
	isText := json.Unmarshal(value, &text) == nil && string(value) != "null"
	if text = strings.TrimRight(text, "\r\n\t "); !isText {
		text = string(value)
	}
	if !strings.Contains(text, "\n") && utf8.RuneCountInString(name)+2+utf8.RuneCountInString(text) <= limit {
		fmt.Fprintf(w, "%s: %s\n", name, text)
		return
	}
	lines := parts(value)
	if isText {
		lines = wrapLines(text, limit-2)
	}
	fmt.Fprintf(w, "%s:\n", name)
	for i, line := range lines {
		if i == maxResultLines && len(lines) > maxResultLines+1 {
			fmt.Fprintf(w, "  … %s\n", plural(len(lines)-i, "more line"))
			return
		}
		fmt.Fprintf(w, "  %s\n", shorten.Runes(line, limit-2))
	}
}

// parts returns the members of an object, or the elements of an array, as lines.
func parts(value json.RawMessage) []string {
	var lines []string
	for key, member := range strictjson.Members(value) {
		var text string
		if json.Unmarshal(member, &text) != nil || string(member) == "null" {
			text = string(member)
		}
		lines = append(lines, key+": "+text)
	}
	for element := range strictjson.Elements(value) {
		lines = append(lines, string(element))
	}
	if len(lines) == 0 {
		return []string{string(value)}
	}
	return lines
}

// wrapLines returns the lines of a text. Those that are longer than limit are
// wrapped at spaces.
func wrapLines(text string, limit int) []string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, "\r\t ")
		if utf8.RuneCountInString(line) > limit && len(lines) <= maxResultLines {
			lines = append(lines, strings.Split(wrap(line, limit), "\n")...)
			continue
		}
		lines = append(lines, line)
	}
	return lines
}
