package file

import (
	"bufio"
	"errors"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/delimited"
)

// delimiterOf returns the delimiter that was given, or that the file's name
// says; 0 if it is to be found.
func delimiterOf(given, path string) (byte, error) {
	delimiter, err := delimited.Parse(given)
	if err != nil {
		return 0, executors.Errorf(executors.ValidationError, "%w", err).WithField("delimiter")
	}
	if delimiter == 0 && strings.HasSuffix(strings.ToLower(path), ".tsv") {
		return '\t', nil
	}
	return delimiter, nil
}

// csv reads the rows of a table.
func (r *reader) csv(out *ReaderOutput) error {
	return r.rows(out, func(in *bufio.Reader) (rowSource, error) {
		options, shape, err := r.in.Shape()
		if err != nil {
			return nil, r.csvFailure(err)
		}
		if options.Delimiter, err = delimiterOf(r.in.Delimiter, r.in.FilePath); err != nil {
			return nil, err
		}
		options.Converted, options.Longest = !r.coding.IsUTF8(), int(r.limit)+1<<20 // the source bounds a row before
		table, err := delimited.NewTable(in, options, shape)
		if err != nil {
			return nil, r.csvFailure(err)
		}
		size := jsonLength(table.Warning)
		for _, name := range table.Columns {
			size += jsonLength(name) + 1
		}
		if out.Warning = table.Warning; size <= r.budget/4 { // else there are too many to repeat them
			out.Columns = table.Columns
			r.budget -= size
		}
		return func(skip bool) (any, int, error) {
			row, err := table.Next(skip)
			if err != nil {
				return nil, 0, r.csvFailure(err)
			}
			return row, len(row), nil
		}, nil
	})
}

// csvFailure returns the error of the call for an error of the table.
func (r *reader) csvFailure(err error) error {
	var bad *delimited.Error
	field := delimited.FieldOf(err)
	switch {
	case errors.Is(err, delimited.ErrAmbiguous):
		return executors.Errorf(executors.ExecutionError, "%q: %w", r.in.FilePath, err).WithField("delimiter").
			WithHint("set delimiter to the one that separates the columns")
	case field != "":
		return executors.Errorf(executors.ValidationError, "%w", err).WithField(field)
	case !errors.As(err, &bad):
		return err
	case bad.Encoding:
		return executors.Errorf(executors.ExecutionError, "%q, %w", r.in.FilePath, err).WithField("encoding").
			WithHint("set the encoding of the file, such as windows-1252, latin-1 or utf-16")
	}
	return rowError(r.in, bad.Line, "%s", bad.Reason)
}
