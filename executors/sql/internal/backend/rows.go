package backend

import (
	"encoding/json"
	"strconv"
)

// Rows collects rows as JSON up to its limits.
type Rows struct {
	keys       [][]byte // each column's name as JSON, with the colon
	rows       []json.RawMessage
	maxRows    int
	bytes      int
	row        []byte
	n          int // values in row
	overflowed bool
}

// NewRows starts a result with these columns and makes their names unique: the
// second "id" becomes "id_2".
func NewRows(columns []Column, request Request) *Rows {
	seen := make(map[string]bool, len(columns))
	for _, c := range columns {
		seen[c.Name] = true
	}
	used := make(map[string]bool, len(columns))
	keys := make([][]byte, len(columns))
	for i := range columns {
		name := columns[i].Name
		for n := 2; used[name] || name != columns[i].Name && seen[name]; n++ {
			name = columns[i].Name + "_" + strconv.Itoa(n)
		}
		used[name] = true
		columns[i].Name = name
		keys[i] = append(AppendString(nil, name), ':')
	}
	return &Rows{keys: keys, rows: []json.RawMessage{}, maxRows: request.MaxRows, bytes: request.MaxBytes}
}

// Full reports whether the limit is reached; the result is then truncated.
func (r *Rows) Full() bool {
	if r.overflowed || len(r.rows) >= r.maxRows {
		r.overflowed = true
	}
	return r.overflowed
}

// Next starts the next value of the row and returns the buffer to append it
// to. Call Value afterwards.
func (r *Rows) Next() []byte {
	if r.n == 0 {
		r.row = append(r.row[:0], '{')
	} else {
		r.row = append(r.row, ',')
	}
	return append(r.row, r.keys[r.n]...)
}

// Value takes the buffer of Next with the value appended.
func (r *Rows) Value(appended []byte) {
	r.row = appended
	r.n++
}

// End ends the row. A row that exceeds the limit is dropped, and the result is
// full from then on.
func (r *Rows) End() {
	if r.n == 0 {
		r.row = append(r.row[:0], '{')
	}
	r.row = append(r.row, '}')
	r.n = 0
	if r.bytes -= len(r.row) + 1; r.bytes < 0 {
		r.overflowed = true
		return
	}
	r.rows = append(r.rows, append(json.RawMessage(nil), r.row...))
}

// Drop drops a row that is too large. The result is full from then on.
func (r *Rows) Drop() { r.overflowed = true }

// Result returns the collected rows.
func (r *Rows) Result(columns []Column) *Result {
	return &Result{Columns: columns, Rows: r.rows, Truncated: r.overflowed}
}
