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
	"github.com/chainwright/chainwright/executors/sql/internal/backend"
)

// The server's SQLSTATE codes that are handled here.
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

// explain returns a typed error for an error of the server.
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

// escapes lists the functions that end sessions, and those that run a query from
// a text, which could call them. A role may end the sessions of itself, and
// PostgreSQL has no setting against that.
var escapes = map[string]bool{
	"pg_terminate_backend": true, "pg_cancel_backend": true,
	"set_config": true, "query_to_xml": true, "query_to_xmlschema": true, "query_to_xml_and_xmlschema": true,
	"cursor_to_xml": true, "cursor_to_xmlschema": true, "ts_stat": true, "ts_rewrite": true, "dblink": true, "dblink_exec": true,
}

// refuseEscapes refuses calls of these functions. Names alone, such as those of
// columns, and texts are no calls.
func refuseEscapes(query string) error {
	var pieces []backend.Piece
	for _, p := range backend.Split(query, backend.PostgreSQL) {
		if p.Kind != backend.Space {
			pieces = append(pieces, p)
		}
	}
	pieces = append(pieces, backend.Piece{}, backend.Piece{}, backend.Piece{})
	for i, p := range pieces[:len(pieces)-3] {
		name, next, hidden := strings.ToLower(p.Text), pieces[i+1].Text, false
		switch {
		case p.Kind == backend.Quoted:
			name = strings.ToLower(strings.Trim(p.Text, `"`))
		case name == "u" && next == "&" && strings.HasPrefix(pieces[i+2].Text, `"`):
			// U& quotes names with escapes, which could hide these functions.
			name, next, hidden = "U&"+pieces[i+2].Text, pieces[i+3].Text, true
		}
		if next == "(" && (escapes[name] || hidden) || hidden && strings.EqualFold(next, "uescape") {
			return executors.Errorf(executors.PermissionDenied, "query: a call of %s is not allowed in read mode", name).WithField("query")
		}
	}
	return nil
}

// tooPowerful returns the refusal of read mode for a role.
func tooPowerful(role string) error {
	return executors.Errorf(executors.PermissionDenied, "the connection logs in as %s, which read mode can't restrict", role).
		WithField("connection").WithHint("the operator configures a role that only reads: CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader")
}
