package cli

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
)

// wantsJSON reports whether a command line asks for JSON. It is also read from
// command lines with mistakes.
func wantsJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.ContainsFunc(args, func(arg string) bool { return arg == "--json" || arg == "--json=true" })
}

// failJSON prints the error of a command to stdout, in the envelope of a failed
// call, if the command line asks for JSON and nothing was printed. So with --json,
// stdout is always one JSON object.
func (s *session) failJSON(err error, code int, text, hint string) {
	if !s.json || s.printed {
		return
	}
	failed := &executors.Error{Type: typeOf(code), Message: text, Hint: hint}
	var known *executors.Error
	if errors.As(err, &known) {
		failed.Type, failed.Code, failed.Field = known.Type, known.Code, known.Field
	}
	var own *exit
	if errors.As(err, &own) {
		failed.Field = cmp.Or(own.field, failed.Field)
		if own.see != "" && failed.Hint == "" {
			failed.Hint = "see " + own.see + " --help"
		}
	}
	status := tools.StatusFailed
	if code == exitInterrupted {
		failed.Type, status = executors.Cancelled, tools.StatusCancelled
	}
	failed.Message = strings.ToValidUTF8(failed.Message, "?")
	_ = s.printJSON((&tools.Result{Status: status, Err: failed}).Encode()) // the error is on stderr as text too
}

// typeOf returns the type of an error that has none, by the exit code.
func typeOf(code int) executors.ErrorType {
	switch code {
	case exitUsage:
		return executors.ValidationError
	case exitDenied:
		return executors.PermissionDenied
	}
	return executors.ExecutionError
}
