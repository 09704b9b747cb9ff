package endtoend

import (
	"crypto/tls"
	"errors"
	"io"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/chainwright/chainwright/executors/executortest"
)

const mailPassword = "pass-word-0123456789"

// mailServer accepts mail over STARTTLS from authenticated clients.
func mailServer(t *testing.T, _ string) *place {
	at, _ := mailbox(t)
	return at
}

// mailbox is a mail server and the messages that it has received.
func mailbox(t *testing.T) (*place, *letters) {
	box := &letters{}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &mailing{box: box, conn: c}, nil }))
	server.Domain = "localhost"
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate(t).TLS}, MinVersion: tls.VersionTLS12}
	port := executortest.ListenMail(t, server)
	return &place{
		settings: policyOf(map[string]any{"connections": map[string]any{"mail": map[string]any{
			"kind": "smtp", "host": "127.0.0.1", "port": port, "tls": "starttls",
			"user": "ops", "password_env": "MAIL_PASSWORD", "from": "Ops <ops@example.com>",
		}}}),
		variables: []string{"MAIL_PASSWORD=" + mailPassword},
		trusted:   certificate(t).PEM,
	}, box
}

// letters are the received messages.
type letters struct {
	mu      sync.Mutex
	arrived []string
}

// take returns the messages received since the last call.
func (l *letters) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	arrived := l.arrived
	l.arrived = nil
	return arrived
}

// mailing is one session of a client.
type mailing struct {
	box    *letters
	conn   *smtp.Conn
	logged bool
}

func (m *mailing) AuthMechanisms() []string { return []string{sasl.Plain} }

func (m *mailing) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if m.logged = user == "ops" && password == mailPassword; !m.logged {
			return errors.New("no such user")
		}
		return nil
	}), nil
}

func (m *mailing) Mail(string, *smtp.MailOptions) error {
	if _, encrypted := m.conn.TLSConnectionState(); !encrypted || !m.logged {
		return errors.New("log in first")
	}
	return nil
}

func (m *mailing) Rcpt(string, *smtp.RcptOptions) error { return nil }

func (m *mailing) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if _, err := mail.ReadMessage(strings.NewReader(string(text))); err != nil {
		return err
	}
	m.box.mu.Lock()
	defer m.box.mu.Unlock()
	m.box.arrived = append(m.box.arrived, string(text))
	return nil
}

func (*mailing) Reset()        {}
func (*mailing) Logout() error { return nil }
