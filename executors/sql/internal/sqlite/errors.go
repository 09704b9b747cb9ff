package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/sql/internal/backend"
)

// codes maps primary result codes, the low byte of a code, to their names.
var codes = map[int]string{
	lib.SQLITE_ERROR: "SQLITE_ERROR", lib.SQLITE_PERM: "SQLITE_PERM", lib.SQLITE_ABORT: "SQLITE_ABORT", lib.SQLITE_BUSY: "SQLITE_BUSY",
	lib.SQLITE_LOCKED: "SQLITE_LOCKED", lib.SQLITE_NOMEM: "SQLITE_NOMEM", lib.SQLITE_READONLY: "SQLITE_READONLY",
	lib.SQLITE_INTERRUPT: "SQLITE_INTERRUPT", lib.SQLITE_IOERR: "SQLITE_IOERR", lib.SQLITE_CORRUPT: "SQLITE_CORRUPT",
	lib.SQLITE_FULL: "SQLITE_FULL", lib.SQLITE_CANTOPEN: "SQLITE_CANTOPEN", lib.SQLITE_SCHEMA: "SQLITE_SCHEMA",
	lib.SQLITE_TOOBIG: "SQLITE_TOOBIG", lib.SQLITE_CONSTRAINT: "SQLITE_CONSTRAINT", lib.SQLITE_MISMATCH: "SQLITE_MISMATCH",
	lib.SQLITE_MISUSE: "SQLITE_MISUSE", lib.SQLITE_AUTH: "SQLITE_AUTH", lib.SQLITE_RANGE: "SQLITE_RANGE", lib.SQLITE_NOTADB: "SQLITE_NOTADB",
}

func explain(ctx context.Context, err error, request backend.Request) error {
	var typed *executors.Error
	var failure *sqlite.Error
	switch {
	case errors.As(err, &typed):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("running the query: %w", context.Cause(ctx))
	case !errors.As(err, &failure):
		return executors.Errorf(executors.ExecutionError, "running the query: %w", err)
	}
	primary := failure.Code() & 0xff
	message := strings.TrimPrefix(failure.Error(), "SQL logic error: ")
	message = strings.TrimSuffix(message, fmt.Sprintf(" (%d)", failure.Code()))
	e := executors.Errorf(executors.ExecutionError, "%s", message)
	switch primary {
	case lib.SQLITE_AUTH, lib.SQLITE_READONLY, lib.SQLITE_PERM:
		if request.Write {
			e.Type, e.Field = executors.PermissionDenied, "query"
			break
		}
		e = backend.ReadOnly(message)
	case lib.SQLITE_ERROR, lib.SQLITE_RANGE, lib.SQLITE_TOOBIG:
		if strings.Contains(message, "too many attached databases") || strings.Contains(message, "not authorized") {
			e.Type = executors.PermissionDenied
			e.Hint = "other files can't be attached; name a connection to each file that is needed"
		} else {
			e.Type = executors.ValidationError
		}
		e.Field = "query"
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		e = e.Retry(0)
	}
	return e.WithCode(codes[primary])
}
