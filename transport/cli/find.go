package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
)

// newest stands for the id of the newest run.
const newest = "last"

// wholeID is the length of a whole id. It is not looked up.
const wholeID = 36

// maxCandidates bounds the runs that are listed when the start of an id is that of
// several runs.
const maxCandidates = 5

// runID returns the id of the run that a person names: a whole id, the start of
// one, or last. If no run matches, it returns the name unchanged, and the command
// reports that there is no such run.
func (s *session) runID(p *program, given string) (string, error) {
	switch {
	case given == newest:
		return s.newestRun(p)
	case given == "" || len(given) == wholeID:
		return given, nil
	}
	list, _, err := p.runner.List(s.ctx, chain.ListOptions{Prefix: strings.ToLower(given), Limit: maxCandidates + 1})
	if err != nil {
		return "", err
	}
	for i := range list {
		if list[i].RunID == given {
			return given, nil
		}
	}
	switch len(list) {
	case 0:
		return given, nil
	case 1:
		return list[0].RunID, nil
	}
	return "", ambiguous(given, list)
}

// ambiguous returns the error for the start of the ids of several runs.
func ambiguous(given string, list []chain.RunSummary) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s is the start of several ids:", given)
	for i := range list {
		if i == maxCandidates {
			text.WriteString("\n  … and more")
			break
		}
		run := &list[i]
		fmt.Fprintf(&text, "\n  %s  %s  %-9s  %s", run.RunID, run.CreatedAt.Local().Format("01-02 15:04:05"), run.Status, runName(run))
	}
	return usage("%s", text.String()).withHint("give more of the id")
}

// runName returns the name of a run, or its kind if it has none.
func runName(run *chain.RunSummary) string {
	if run.Name == "" {
		return run.Kind
	}
	return run.Name
}

// newestRun returns the id of the newest run that is not part of another run.
func (s *session) newestRun(p *program) (string, error) {
	list, _, err := p.runner.List(s.ctx, chain.ListOptions{Limit: 1})
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		return "", usage("no runs are recorded").withHint("start one with `chainwright run FILE`")
	}
	id := list[0].RunID
	for above := id; ; {
		view, err := p.runner.Get(s.ctx, above, "", chain.ResultsUpTo(0))
		var known *executors.Error
		switch {
		case errors.As(err, &known) && known.Type == executors.NotFound:
			return id, nil // it was removed
		case err != nil:
			return "", err
		case view.ParentRun == "":
			return above, nil
		}
		id, above = above, view.ParentRun
	}
}

// readLabels reads the labels of runs: KEY=VALUE, each key once; nil if none is
// given.
func readLabels(given repeated) (map[string]string, error) {
	var labels map[string]string
	for _, text := range given {
		key, value, err := readLabel(text)
		if err != nil {
			return nil, err
		}
		if _, twice := labels[key]; twice {
			return nil, usage("--label %s is given twice", key).about("--label")
		}
		if labels == nil {
			labels = map[string]string{}
		}
		labels[key] = value
	}
	return labels, nil
}

// readLabel reads a label of a run: KEY=VALUE.
func readLabel(text string) (key, value string, err error) {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return "", "", usage("--label must be KEY=VALUE; got %q", text).about("--label")
	}
	return key, value, nil
}
