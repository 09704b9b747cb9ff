package aggregate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/fieldpath"
	"github.com/chainwright/chainwright/executors/shorten"
)

// maxSummary is the most bytes of a filled template, and maxRead the most bytes of
// results that its references read: each reads its result again.
const maxSummary, maxRead = 1 << 20, 256 << 20

// fill replaces {{ task }} and {{ task.path }} in a template by the values in
// the results: strings unchanged, null as nothing, everything else as compact
// JSON.
func fill(template string, results map[string]json.RawMessage) (string, error) {
	var out strings.Builder
	left := maxRead
	for {
		before, after, found := strings.Cut(template, "{{")
		out.WriteString(before)
		if !found {
			break
		}
		reference, rest, closed := strings.Cut(after, "}}")
		if !closed {
			return "", refuse("template: {{ is not closed, before %q", shorten.Runes(after, 60))
		}
		value, err := lookUp(strings.TrimSpace(reference), results, &left)
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

// lookUp resolves a reference. A task's id may contain dots, so the longest id
// that matches is used.
func lookUp(reference string, results map[string]json.RawMessage, left *int) (string, error) {
	id, found := "", false
	for known := range results {
		rest, ok := strings.CutPrefix(reference, known)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') && len(known) >= len(id) {
			id, found = known, true
		}
	}
	if !found {
		return "", refuse("template: {{ %s }} does not begin with the id of a dependency; the dependencies are %s",
			shorten.Runes(reference, 60), strings.Join(byID(results), ", "))
	}
	path, err := fieldpath.Parse(reference[len(id):])
	if err != nil {
		return "", refuse("template: {{ %s }}: %w", shorten.Runes(reference, 60), err)
	}
	if *left -= len(results[id]) + len(results); *left < 0 {
		return "", refuse("template: its references read more than %d bytes; use fewer of them, or results that are shorter", maxRead)
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

func refuse(format string, args ...any) error {
	return executors.Errorf(executors.ValidationError, format, args...).WithField("template")
}
