package email

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

const password = "pass-word-123456"

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "email")
	if err != nil {
		panic(err)
	}
	trusted = filepath.Join(dir, "trusted.pem")
	if err := os.Setenv("SSL_CERT_FILE", trusted); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// trusted is the file of certificate authorities that this process trusts. It is
// read once, when the first certificate is verified.
var trusted string

var authority = sync.OnceValue(func() func(testing.TB) *peers.Certificate {
	var once sync.Once
	var made *peers.Certificate
	return func(tb testing.TB) *peers.Certificate {
		once.Do(func() {
			made = peers.NewCertificate(tb)
			if err := os.WriteFile(trusted, made.PEM, 0o600); err != nil {
				tb.Fatal(err)
			}
		})
		return made
	}
})

// received is a message as the server received it.
type received struct {
	from string
	to   []string
	raw  string
	*mail.Message
	body string
}

// mailbox is a real mail server and its messages.
type mailbox struct {
	messages chan received
	secure   bool // accept mail only over TLS, from authenticated clients
	reject   func(to string) error
}

func (b *mailbox) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &session{box: b, conn: c}, nil
}

type session struct {
	box    *mailbox
	conn   *smtp.Conn
	logged bool
	got    received
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, given string) error {
		if user != "ops" || given != password {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no such user with " + given}
		}
		s.logged = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if _, encrypted := s.conn.TLSConnectionState(); s.box.secure && (!encrypted || !s.logged) {
		return &smtp.SMTPError{Code: 530, Message: "log in first"}
	}
	s.got = received{from: from}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.box.reject != nil {
		if err := s.box.reject(to); err != nil {
			return err
		}
	}
	s.got.to = append(s.got.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.got.raw = string(raw)
	if s.got.Message, err = mail.ReadMessage(strings.NewReader(s.got.raw)); err != nil {
		return err
	}
	body, err := io.ReadAll(s.got.Message.Body)
	s.got.body = string(body)
	s.box.messages <- s.got
	return err
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

// start runs a mail server with TLS, STARTTLS or no encryption.
func start(tb testing.TB, kind string) (*mailbox, policy.Connection) {
	tb.Helper()
	box := &mailbox{messages: make(chan received, 10), secure: kind != "none"}
	server := smtp.NewServer(box)
	server.Domain, server.AllowInsecureAuth = "localhost", true
	server.ErrorLog = quiet{}
	if kind != "none" {
		server.TLSConfig = tlsConfig(authority()(tb))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	if kind == "tls" {
		listener = tlsListener(listener, server.TLSConfig)
	}
	port := executortest.ServeMail(tb, server, listener)
	connection := policy.Connection{Kind: "smtp", Host: "127.0.0.1", Port: port, TLS: kind, From: "Ops <ops@example.com>"}
	if kind != "none" {
		connection.User, connection.PasswordEnv = "ops", "MAIL_PASSWORD"
	}
	return box, connection
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// opened returns a policy with one mail server.
func opened(tb testing.TB, connection policy.Connection, more func(*policy.Config)) *policy.Policy {
	tb.Helper()
	cfg := policy.Config{Connections: map[string]policy.Connection{"mail": connection}}
	if more != nil {
		more(&cfg)
	}
	pol, err := policy.New(cfg, policy.WithEnvironment(func(string) (string, bool) { return password, true }))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = pol.Close() })
	return pol
}

func send(tb testing.TB, pol *policy.Policy, inputs string) (*output, *executors.Error) {
	tb.Helper()
	outcome := executortest.Run(tb, New(), inputs, pol)
	if len(outcome.Result) == 0 {
		return nil, outcome.Err
	}
	var out output
	if err := json.Unmarshal(outcome.Result, &out); err != nil {
		tb.Fatal(err)
	}
	return &out, outcome.Err
}

func port(t testing.TB, address string) int {
	t.Helper()
	resolved, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return resolved.Port
}

func itoa(n int) string { return fmt.Sprint(n) }
