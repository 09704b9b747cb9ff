// Package file implements file_reader and file_writer. It is not a stable API.
// They read and write files inside the folders that the operator has opened.
package file

import (
	"embed"
	"errors"
	"io/fs"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

//go:embed reader.yaml writer.yaml
var definitions embed.FS

// defaultCap is the most bytes that are read from or written to a file, unless
// the policy's limits differ.
const defaultCap = 10 << 20

// NewReader returns file_reader.
func NewReader() executors.Executor { return executors.New(load("reader.yaml"), read) }

// NewWriter returns file_writer.
func NewWriter() executors.Executor { return executors.New(load("writer.yaml"), write) }

// load reads an embedded definition. It panics if the definition is invalid.
func load(name string) *executors.Definition {
	def, err := executors.LoadDefinition(definitions, name)
	if err != nil {
		panic(err)
	}
	return def
}

func capOf(pol *policy.Policy) int64 {
	if limit := pol.Limits().FileBytes; limit > 0 {
		return limit
	}
	return defaultCap
}

// failure returns a typed error for an error of the file system. Messages name
// the path as the caller wrote it.
func failure(err error) error {
	var denied *policy.Denied
	var typed *executors.Error
	switch {
	case errors.As(err, &denied):
		return &policy.Denied{Field: "file_path", Message: denied.Message, Hint: denied.Hint}
	case errors.As(err, &typed):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return executors.Errorf(executors.NotFound, "%w", err).WithField("file_path")
	case errors.Is(err, fs.ErrExist):
		return executors.Errorf(executors.ExecutionError, "%w", err).WithField("file_path").
			WithHint("set mode to overwrite or append, or choose another name")
	case errors.Is(err, fs.ErrPermission):
		return executors.Errorf(executors.PermissionDenied, "%w", err).WithField("file_path").
			WithHint("the user that runs the server may not access this file")
	}
	return executors.Errorf(executors.ExecutionError, "%w", err)
}
