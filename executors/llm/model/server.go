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

// ServerOptions say where a provider's server is and how long to wait for it.
type ServerOptions struct {
	// Key may be empty, for servers that need none.
	Key     string
	BaseURL string
	Connect time.Duration
	// FirstToken and Idle bound the silence of a stream: at its begin, and
	// later on.
	FirstToken, Idle time.Duration
	// Connections is how many are kept open.
	Connections int
}

// Server is the far side of a provider, whatever it speaks: where it is, how it
// is asked, what is known of its models, and how its failures are told.
type Server struct {
	ServerOptions
	Quirks
	// Host is how errors name it.
	Host string
	HTTP *http.Client
}

// NewServer makes the near side of a server; what names it where its address
// is wrong, and fields are as in ClientOptions. Nothing is dialled yet.
func NewServer(what string, opts ServerOptions, fields func(context.Context) []byte) (*Server, error) {
	u, err := url.Parse(opts.BaseURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the base URL of the %s endpoint is no http or https URL", what)
	}
	return &Server{
		ServerOptions: opts, Host: u.Host,
		HTTP: NewHTTPClient(ClientOptions{Connect: opts.Connect, Connections: opts.Connections, Fields: fields}),
	}, nil
}

// Endpoint is the base URL, without credentials.
func (s *Server) Endpoint() string {
	u, err := url.Parse(s.BaseURL)
	if err != nil {
		return ""
	}
	u.User = nil
	return u.String()
}

// Close frees idle connections.
func (s *Server) Close() error {
	s.HTTP.CloseIdleConnections()
	return nil
}

// Watch starts waiting for the first token of a stream.
func (s *Server) Watch(ctx context.Context) (context.Context, *Watch) {
	return NewWatch(ctx, s.FirstToken, s.Idle)
}

// Broken is the failure of an exchange without an answer.
func (s *Server) Broken(ctx context.Context, err error) *executors.Error {
	return Broken(ctx, s.Host, err, s.Key)
}

// Senseless is the failure of an answer that is none.
func (s *Server) Senseless(err error) *executors.Error {
	return executors.Errorf(executors.ExecutionError, "%s sent a stream that makes no sense: %s", s.Host, Clean(err.Error(), s.Key))
}

// Empty is the failure of a response without a reply in it.
func (s *Server) Empty() *executors.Error {
	return executors.Errorf(executors.ExecutionError, "%s sent a response without a reply in it", s.Host).WithCode(CodeNoChoices)
}

// Cut is the failure of a reply that may not be whole.
func (s *Server) Cut(how string) *executors.Error {
	return executors.Errorf(executors.NetworkError, "%s: %s", s.Host, how).WithCode(CodeCut).Retry(0)
}

// CutStream is how a stream was cut.
const CutStream = "the stream was cut: it ended before the model said that it was done"

// Declined is the failure of a model that won't answer.
func (s *Server) Declined(said string) *executors.Error {
	return executors.Errorf(executors.ExecutionError, "the model declined: %s", Clean(said, s.Key)).WithCode(CodeRefusal)
}

// refused is an answer that says no, with the words that Again learns from.
type refused struct {
	up Upstream
	as *executors.Error
}

func (r *refused) Error() string { return r.as.Error() }

func (r *refused) Unwrap() error { return r.as }

// Refused is the failure of an answer that says no.
func (s *Server) Refused(up Upstream, x *Exchange) error {
	return &refused{up, Failure(s.Host, up, x, s.Key)}
}

// Again reports whether a request that has failed is worth sending once more,
// without what the server has just said that the model doesn't take; used are
// the features that it had. Otherwise it gives the failure.
func (s *Server) Again(model string, err error, used ...string) (bool, error) {
	var no *refused
	if !errors.As(err, &no) {
		return false, err
	}
	return s.Learn(model, no.up, used...), no.as
}
