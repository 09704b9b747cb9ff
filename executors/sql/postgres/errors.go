package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/sql/backend"
	"github.com/chainwright/chainwright/executors/sql/sqltext"
)

// The server's codes that are told apart here (SQLSTATE).
const (
	queryCanceled        = "57014"
	readOnlyTransaction  = "25006"
	insufficientRights   = "42501"
	noSuchDatabase       = "3D000"
	noSuchRole           = "22023"
	undefinedObject      = "42704"
	serializationFailure = "40001"
	deadlock             = "40P01"
)

func isCancelled(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && server.Code == queryCanceled
}

// explain makes of an error what callers branch on.
func explain(ctx context.Context, err error, unsure bool) error {
	var typed *executors.Error
	var denied *policy.Denied
	var server *pgconn.PgError
	var tooLong *pgproto3.ExceededMaxBodyLenErr
	switch {
	case errors.As(err, &typed), errors.As(err, &denied):
		return err
	case ctx.Err() != nil:
		return fmt.Errorf("running the query: %w", context.Cause(ctx))
	case errors.As(err, &server):
		return explainServer(server)
	case errors.As(err, &tooLong):
		return executors.Errorf(executors.ExecutionError, "a row is larger than %d bytes", backend.MaxMessage).
			WithHint("select fewer or shorter columns")
	}
	return backend.Lost(err, unsure)
}

func explainServer(server *pgconn.PgError) *executors.Error {
	message := server.Message
	if server.Detail != "" {
		message += "; " + server.Detail
	}
	if server.Position > 0 {
		message += " (at character " + strconv.Itoa(int(server.Position)) + ")"
	}
	kind := kindOf(server.Code)
	e := executors.Errorf(kind, "%s", message).WithCode(server.Code).WithHint(server.Hint)
	switch {
	case server.Code == readOnlyTransaction:
		e = backend.ReadOnly(message).WithCode(server.Code)
	case kind == executors.ValidationError && strings.HasPrefix(server.Code, "22"):
		e = e.WithField("params")
	case kind == executors.ValidationError:
		e = e.WithField("query")
	case kind == executors.NetworkError, server.Code == serializationFailure, server.Code == deadlock:
		e = e.Retry(0)
	}
	return e
}

func kindOf(code string) executors.ErrorType {
	switch code {
	case queryCanceled:
		return executors.TimeoutError
	case readOnlyTransaction, insufficientRights:
		return executors.PermissionDenied
	case noSuchDatabase:
		return executors.NotFound
	}
	switch code[:min(2, len(code))] {
	case "28":
		return executors.AuthenticationError
	case "42", "22", "0A":
		return executors.ValidationError
	case "08", "53":
		return executors.NetworkError
	case "57":
		return executors.NetworkError
	}
	return executors.ExecutionError
}

// escapes are the functions by which one statement could run another, or
// change who it runs as. They are refused where a superuser's connection reads
// under another role.
var escapes = map[string]bool{
	"set_config": true, "query_to_xml": true, "query_to_xmlschema": true, "query_to_xml_and_xmlschema": true,
	"cursor_to_xml": true, "cursor_to_xmlschema": true, "ts_stat": true, "ts_rewrite": true, "dblink": true, "dblink_exec": true,
}

func refuseEscapes(query string) error {
	for _, p := range sqltext.Split(query, sqltext.PostgreSQL) {
		name := strings.ToLower(p.Text)
		if p.Kind == sqltext.Quoted {
			name = strings.ToLower(strings.Trim(p.Text, `"`))
		}
		// U& quotes names with escapes: none of them needs that.
		if escapes[name] || p.Kind == sqltext.Word && name == "u" && strings.Contains(strings.ToLower(query), `u&"`) {
			return executors.Errorf(executors.PermissionDenied, "query: %s is not allowed where a superuser's connection reads", p.Text).
				WithField("query").WithHint("let the connection log in as a role that is not a superuser")
		}
	}
	return nil
}

// noReadRole says what to do where a superuser's connection can't read under
// another role.
func noReadRole(err error) error {
	var server *pgconn.PgError
	if errors.As(err, &server) && (server.Code == noSuchRole || server.Code == undefinedObject) {
		return executors.Errorf(executors.PermissionDenied, "the connection logs in as a superuser, whom read mode can't hold on this server").
			WithCode(server.Code).WithHint("let the connection log in as a role that is not a superuser")
	}
	return err
}
