package model

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/chainwright/chainwright/executors"
)

// ServerOptions are the address of a provider's server and its timeouts.
type ServerOptions struct {
	// Key may be empty for servers without keys.
	Key     string
	BaseURL string
	Connect time.Duration
	// FirstToken limits the time to the first token of a stream, Idle the time
	// between two.
	FirstToken, Idle time.Duration
	// Connections is the number of idle connections kept.
	Connections int
}

// Server is what all providers share: the HTTP client of an endpoint, the known
// limits of its models, and the conversion of its errors.
type Server struct {
	ServerOptions
	Quirks
	// Host is the name in errors.
	Host string
	HTTP *http.Client
}

// NewServer returns a Server. what names it in the error for an invalid base
// URL. It does not connect.
func NewServer(what string, opts ServerOptions) (*Server, error) {
	u, err := url.Parse(opts.BaseURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the base URL of the %s endpoint must be an http or https URL", what)
	}
	return &Server{
		ServerOptions: opts, Host: u.Host,
		HTTP: NewHTTPClient(ClientOptions{Connect: opts.Connect, Connections: opts.Connections}),
	}, nil
}

// Endpoint returns the base URL without credentials.
func (s *Server) Endpoint() string {
	u, err := url.Parse(s.BaseURL)
	if err != nil {
		return ""
	}
	u.User = nil
	return u.String()
}

// Close closes idle connections.
func (s *Server) Close() error {
	s.HTTP.CloseIdleConnections()
	return nil
}

// Watch starts to wait for the first token of a stream.
func (s *Server) Watch(ctx context.Context) (context.Context, *Watch) {
	return NewWatch(ctx, s.FirstToken, s.Idle)
}

// Broken returns the error of an incomplete HTTP exchange.
func (s *Server) Broken(ctx context.Context, err error) *executors.Error {
	return Broken(ctx, s.Host, err, s.Key)
}

// Senseless returns the error of an invalid stream.
func (s *Server) Senseless(err error) *executors.Error {
	return executors.Errorf(executors.ExecutionError, "%s sent an invalid stream: %s", s.Host, Clean(err.Error(), s.Key))
}

// Empty returns the error of a response without a reply.
func (s *Server) Empty() *executors.Error {
	return executors.Errorf(executors.ExecutionError, "%s sent a response without a reply", s.Host).WithCode(CodeNoChoices)
}

// Cut returns the error of a reply that may be incomplete.
func (s *Server) Cut(how string) *executors.Error {
	return executors.Errorf(executors.NetworkError, "%s: %s", s.Host, how).WithCode(CodeCut).Retry(0)
}

// CutStream says how a stream was cut.
const CutStream = "the stream ended before the reply was complete"

// Declined returns the error of a refusal by the model.
func (s *Server) Declined(said string) *executors.Error {
	return executors.Errorf(executors.ExecutionError, "the model declined: %s", Clean(said, s.Key)).WithCode(CodeRefusal)
}

// refused is an error response, with the message for Again.
type refused struct {
	up Upstream
	as *executors.Error
}

func (r *refused) Error() string { return r.as.Error() }

func (r *refused) Unwrap() error { return r.as }

// Refused returns the error of an error response.
func (s *Server) Refused(up Upstream, x *Exchange) error {
	return &refused{up, Failure(s.Host, up, x, s.Key)}
}

// Again reports whether a failed request can be sent again, without a feature
// that the server has just said the model does not support. used are the features
// of the request. Otherwise it returns the error.
func (s *Server) Again(model string, err error, used ...string) (bool, error) {
	var no *refused
	if !errors.As(err, &no) {
		return false, err
	}
	return s.Learn(model, no.up, used...), no.as
}
