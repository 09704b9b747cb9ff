// Package file is file_reader and file_writer: they read and write files
// inside the folders that the operator has opened.
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

// defaultCap bounds what is read from or written to a file, unless the
// policy's limits say otherwise.
const defaultCap = 10 << 20

// NewReader makes file_reader.
func NewReader() executors.Executor { return executors.New(load("reader.yaml"), read) }

// NewWriter makes file_writer.
func NewWriter() executors.Executor { return executors.New(load("writer.yaml"), write) }

// load reads an embedded definition. A broken one is a broken program.
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

// failure gives errors of the file system their kind. Messages name the path
// as the caller wrote it.
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
			WithHint("the server's user has no right to this file")
	}
	return executors.Errorf(executors.ExecutionError, "%w", err)
}
