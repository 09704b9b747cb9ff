package rest

import (
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/delimited"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// checkCSV checks how a table is read, before the request is sent.
func checkCSV(in *input) error {
	if in.CSV == nil {
		return nil
	}
	if in.Paginate != nil {
		return web.Invalid("csv", "csv can't be used with paginate")
	}
	if _, _, err := in.CSV.Shape(); err != nil {
		return web.Invalid("csv."+delimited.FieldOf(err), "csv.%w", err)
	}
	return nil
}

// setRows replaces the body by its rows, of at most room bytes. If it fails, the
// output keeps the body.
func (out *output) setRows(settings *delimited.Settings, room int) error {
	text := ""
	switch {
	case out.Truncated:
		return executors.Errorf(executors.ExecutionError, "the body was cut, so its rows are not complete").WithField("csv")
	case out.JSON != nil:
		return executors.Errorf(executors.ExecutionError, "the body is JSON and not CSV").WithField("csv").WithHint("leave csv out and read json")
	case out.Text != nil:
		text = *out.Text
	case out.File != nil:
		text = string(out.File.ContentBase64)
	}
	// With a warning the charset was guessed, or bytes were replaced.
	rows, table, err := settings.Rows(text, out.Warning != "", room)
	if err != nil {
		field := "csv"
		if about := delimited.FieldOf(err); about != "" {
			field += "." + about
		}
		return executors.Errorf(executors.ExecutionError, "the body as CSV: %w", err).WithField(field)
	}
	out.JSON, out.Text, out.File = rows, nil, nil
	if len(rows)+len(plainjson.Must(table.Columns)) <= room { // else there are too many to repeat them
		out.Columns = table.Columns
	}
	if table.Warning != "" {
		out.warn("%s", table.Warning)
	}
	return nil
}
