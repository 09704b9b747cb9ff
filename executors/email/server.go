package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/policy"
)

// maxAnswers is the limit of a server's responses in a session, in bytes.
const maxAnswers = 1 << 20

// server is an operator's mail server.
type server struct {
	policy.Connection
	name string
}

// choose returns the named connection, or the only one.
func choose(pol *policy.Policy, name string) (*server, error) {
	known := pol.Connections("smtp")
	if name == "" {
		if len(known) != 1 {
			return nil, web.Invalid("connection", "connection is required, because several mail servers are configured").
				WithHint("connections are " + strings.Join(known, ", "))
		}
		name = known[0]
	}
	c, err := pol.Connection(name)
	if err != nil {
		refused := executors.AsError(err)
		refused.Field = "connection"
		return nil, refused
	}
	if c.Kind != "smtp" {
		return nil, web.Invalid("connection", "%s is of kind %s; the kind must be smtp", name, c.Kind)
	}
	return &server{c, name}, nil
}

// send delivers a message to the server. Cancelling closes the connection.
func (s *server) send(ctx context.Context, pol *policy.Policy, message *gomail.Msg) error {
	options, err := s.options(pol)
	if err != nil {
		return err
	}
	var open net.Conn
	release := func() bool { return true }
	options = append(options, gomail.WithDialContextFunc(func(dialling context.Context, network, address string) (net.Conn, error) {
		dialled, err := s.dial(dialling, pol, network, address)
		if err == nil {
			open, release = dialled, context.AfterFunc(ctx, func() { _ = dialled.Close() })
		}
		return dialled, err
	}))
	client, err := gomail.NewClient(s.Host, options...)
	if err != nil {
		return executors.Errorf(executors.ExecutionError, "the connection %s is not usable: %w", s.name, err)
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if open != nil {
		defer open.Close()
		defer release()
	}
	if err != nil {
		return s.failure(ctx, err)
	}
	// The library sends another command after the server has accepted the
	// message; its error does not mean that sending failed.
	if err := client.SendWithSMTPClient(session, message); err != nil && !message.IsDelivered() {
		return s.failure(ctx, err)
	}
	_ = client.CloseWithSMTPClient(session) // the message has been accepted
	return nil
}

func (s *server) options(pol *policy.Policy) ([]gomail.Option, error) {
	options := []gomail.Option{gomail.WithTLSConfig(&tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12})}
	port := s.Port
	switch s.TLS {
	case "tls":
		options, port = append(options, gomail.WithSSL()), orPort(port, 465)
	case "none":
		options, port = append(options, gomail.WithTLSPolicy(gomail.NoTLS)), orPort(port, 25)
	default: // requires STARTTLS
		options, port = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory)), orPort(port, 587)
	}
	options = append(options, gomail.WithPort(port))
	if s.User == "" {
		return options, nil
	}
	password, err := pol.Password(s.name)
	if err != nil {
		return nil, err
	}
	login := gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover)
	if s.TLS == "tls" { // the library treats a custom dialer's connection as unencrypted
		login = gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin)
	}
	return append(options, login, gomail.WithUsername(s.User), gomail.WithPassword(password)), nil
}

func orPort(port, usual int) int {
	if port == 0 {
		return usual
	}
	return port
}

func (s *server) dial(ctx context.Context, pol *policy.Policy, network, address string) (net.Conn, error) {
	dialled, err := pol.DialTrusted(ctx, network, address)
	if err != nil {
		return nil, err
	}
	bound := &bounded{Conn: dialled, left: maxAnswers}
	if s.TLS == "tls" {
		return tls.Client(bound, &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12}), nil
	}
	return bound, nil
}

// bounded is a connection that limits the bytes from the server.
type bounded struct {
	net.Conn
	left int
}

var errTooMuch = errors.New("the server sent too much data")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// failure returns the error of a message that was not sent or may not have been.
func (s *server) failure(ctx context.Context, err error) error {
	name := fmt.Sprintf("the mail server of the connection %s", s.name)
	code, temporary := 0, false
	var sending *gomail.SendError
	var said *textproto.Error
	switch {
	case errors.As(err, &said):
		code, temporary = said.Code, said.Code < 500
	case errors.As(err, &sending):
		code, temporary = sending.ErrorCode(), sending.IsTemp()
	}
	if code == 0 {
		if strings.Contains(err.Error(), "STARTTLS") {
			return executors.Errorf(executors.NetworkError, "%s: %w", name, err).WithHint("the operator sets the encryption in policy.connections." + s.name + ".tls")
		}
		if errors.Is(err, errTooMuch) {
			return executors.Errorf(executors.NetworkError, "%s: %w", name, errTooMuch)
		}
		if errors.Is(err, io.EOF) {
			err = fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
		}
		failure := web.Failure(ctx, name, err)
		if sending != nil && sending.Reason == gomail.ErrSMTPDataClose { // the message was sent, but there was no response
			failure.Retryable = false
			failure.WithHint("the server may have accepted the message: check that before you send it again")
		}
		return failure
	}
	kind := executors.ExecutionError
	switch code {
	case 530, 534, 535, 538, 454:
		kind = executors.AuthenticationError
	case 421:
		kind = executors.NetworkError
	}
	failure := executors.Errorf(kind, "%s refused: %w", name, err).WithCode(strconv.Itoa(code))
	if temporary {
		failure.Retry(0)
	}
	return failure
}
