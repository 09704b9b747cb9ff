package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/sql/internal/backend"
)

// The server's error numbers that matter in addition to the SQLSTATE.
const (
	readOnlyTransaction = 1792
	queryTimeout        = 3024 // MySQL
	statementTimeout    = 1969 // MariaDB
	interrupted         = 1317
	lockWaitTimeout     = 1205
	deadlock            = 1213
	tooManyConnections  = 1040
	noSuchDatabase      = 1049
	syntaxError         = 1064
)

func isSyntax(err error) bool {
	var server *mysql.MySQLError
	return errors.As(err, &server) && server.Number == syntaxError
}

func explain(ctx context.Context, err error, unsure bool) error {
	var typed *executors.Error
	var denied *policy.Denied
	var server *mysql.MySQLError
	switch {
	case errors.As(err, &typed), errors.As(err, &denied):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("running the query: %w", context.Cause(ctx))
	case errors.As(err, &server):
		return explainServer(server)
	}
	return backend.Lost(err, unsure)
}

func explainServer(server *mysql.MySQLError) *executors.Error {
	state := strings.TrimRight(string(server.SQLState[:]), "\x00")
	kind := kindOf(server.Number, state)
	e := executors.Errorf(kind, "%s", server.Message).WithCode(state)
	switch {
	case server.Number == readOnlyTransaction:
		e = backend.ReadOnly(server.Message).WithCode(state)
	case kind == executors.ValidationError && strings.HasPrefix(state, "22"):
		e = e.WithField("params")
	case kind == executors.ValidationError:
		e = e.WithField("query")
	case kind == executors.NetworkError, server.Number == lockWaitTimeout, server.Number == deadlock:
		e = e.Retry(0)
	}
	return e
}

func kindOf(number uint16, state string) executors.ErrorType {
	switch number {
	case queryTimeout, statementTimeout, interrupted:
		return executors.TimeoutError
	case readOnlyTransaction, 1142, 1143, 1227, 1370:
		return executors.PermissionDenied
	case 1044, 1045, 1698:
		return executors.AuthenticationError
	case noSuchDatabase:
		return executors.NotFound
	case tooManyConnections:
		return executors.NetworkError
	}
	switch state[:min(2, len(state))] {
	case "28":
		return executors.AuthenticationError
	case "42", "22", "0A", "21":
		return executors.ValidationError
	case "08":
		return executors.NetworkError
	}
	return executors.ExecutionError
}
