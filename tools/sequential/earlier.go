package sequential

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/tools/sequential/internal/rows"
)

// madeWith is the journal's note of the parameters of the output that exists.
const madeWith = "made with"

// made returns the parameters that the output depends on, as a JSON object.
func (t *table) made() string {
	form := forms()[t.Params.Mode]
	made := map[string]any{"no-cache": !t.Cache, "built-in instructions": []any{form.prompt, form.examples}}
	raw := plainjson.Must(t.Params)
	var params map[string]json.RawMessage
	if err := json.Unmarshal(raw, &params); err != nil {
		panic(err) // it was written above
	}
	for name, value := range params {
		made[name] = value
	}
	return string(plainjson.Must(made))
}

// before returns the number of rows of the output that exists, 0 without one.
func (t *table) before() (count int, err error) {
	format, err := rows.FormatOf(t.Output)
	if err != nil {
		return 0, err
	}
	var options rows.Options
	if format == rows.CSV {
		options.Delimiter = t.shape.Delimiter(format)
	}
	r, err := rows.Open(t.Output, options)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err == nil {
		err = t.each(r, func(*rows.Row) error { count++; return nil }, func(*rows.Bad) { count++ })
		err = errors.Join(err, r.Close())
	}
	if err != nil {
		return 0, fmt.Errorf("reading the earlier %s: %w", filepath.Base(t.Output), err)
	}
	return count, nil
}

// replaceable refuses to replace an output that has more rows than the input, or
// that was not made by this batch with these parameters.
func (t *table) replaceable() error {
	if t.Overwrite {
		return nil
	}
	reason := ""
	count, err := t.before()
	note, failed := t.journal.Note(madeWith)
	switch {
	case failed != nil:
		return failed
	case err != nil:
		reason = err.Error()
	case count == 0:
		return nil
	case count > t.total:
		reason = fmt.Sprintf("%s has %d rows, and the input has %d", t.Output, count, t.total)
	case t.journal.Last() == 0:
		reason = fmt.Sprintf("%s has %d rows, which are not in the journal of this batch", t.Output, count)
	case note != "" && note != t.made():
		reason = fmt.Sprintf("%s was made with other parameters: %s", t.Output, differ(note, t.made()))
	default:
		return nil
	}
	return executors.Errorf(executors.ValidationError, "%s", reason).WithField("output").
		WithHint("no request was sent; write to another file, or set overwrite to replace this one")
}

// differ returns the names of the members that differ between two JSON objects.
func differ(one, other string) string {
	var a, b map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal([]byte(one), &a), json.Unmarshal([]byte(other), &b)); err != nil {
		return err.Error()
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if string(a[name]) != string(b[name]) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
