package aggregate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/fieldpath"
)

// maxSummary bounds a filled template.
const maxSummary = 1 << 20

// fill replaces {{ task }} and {{ task.path }} in a template by what is there
// in the results: texts as they are, null as nothing, everything else as compact JSON.
func fill(template string, results map[string]json.RawMessage) (string, error) {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(template, "{{")
		out.WriteString(before)
		if !found {
			break
		}
		reference, rest, closed := strings.Cut(after, "}}")
		if !closed {
			return "", refuse("template: {{ is not closed, before %q", shorten(after))
		}
		value, err := lookUp(strings.TrimSpace(reference), results)
		if err != nil {
			return "", err
		}
		out.WriteString(value)
		if out.Len() > maxSummary {
			return "", refuse("template: the summary would be over %d bytes", maxSummary)
		}
		template = rest
	}
	return out.String(), nil
}

// lookUp finds what a reference stands for. A task's id may hold dots, so the
// longest id that fits is taken.
func lookUp(reference string, results map[string]json.RawMessage) (string, error) {
	id, found := "", false
	for known := range results {
		rest, ok := strings.CutPrefix(reference, known)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') && len(known) >= len(id) {
			id, found = known, true
		}
	}
	if !found {
		return "", refuse("template: {{ %s }} names no task that this one depends on; there are %s",
			shorten(reference), strings.Join(byID(results), ", "))
	}
	path, err := fieldpath.Parse(reference[len(id):])
	if err != nil {
		return "", refuse("template: {{ %s }}: %w", shorten(reference), err)
	}
	value, ok := path.Find(results[id])
	if !ok {
		return "", refuse("template: the result of %s has nothing at %q", id, reference[len(id):])
	}
	var text *string
	if json.Unmarshal(value, &text) != nil {
		var compact bytes.Buffer
		if err := json.Compact(&compact, value); err != nil {
			return "", fmt.Errorf("reading the result of %s: %w", id, err)
		}
		return compact.String(), nil
	}
	if text == nil {
		return "", nil
	}
	return *text, nil
}

func shorten(text string) string {
	const longest = 60
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}

func refuse(format string, args ...any) error {
	return executors.Errorf(executors.ValidationError, format, args...).WithField("template")
}
