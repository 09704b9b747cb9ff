package backend

import (
	"encoding/json"
	"strconv"
)

// Rows collects rows as JSON until there are enough.
type Rows struct {
	keys       [][]byte // each column's name as JSON, with the colon
	rows       []json.RawMessage
	maxRows    int
	bytes      int
	row        []byte
	n          int // values in row
	overflowed bool
}

// NewRows begins a result with these columns, whose names it makes unique: the
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

// Full reports whether there is no room for another row, and notes that there
// was one.
func (r *Rows) Full() bool {
	if r.overflowed || len(r.rows) >= r.maxRows {
		r.overflowed = true
	}
	return r.overflowed
}

// Next begins the next value of the row: it returns what to append to. Each
// is followed by a call of Value.
func (r *Rows) Next() []byte {
	if r.n == 0 {
		r.row = append(r.row[:0], '{')
	} else {
		r.row = append(r.row, ',')
	}
	return append(r.row, r.keys[r.n]...)
}

// Value takes what Next gave, with the value appended.
func (r *Rows) Value(appended []byte) {
	r.row = appended
	r.n++
}

// End ends the row. One that is larger than the room that is left is dropped,
// and the result is full from then on.
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

// Result gives what was collected.
func (r *Rows) Result(columns []Column) *Result {
	return &Result{Columns: columns, Rows: r.rows, Truncated: r.overflowed}
}
