package email

import (
	"encoding/base64"
	"io"
	"mime"
	"net/mail"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// parrot is a mail server that refuses all messages and echoes its input.
type parrot struct{}

func (p parrot) NewSession(*smtp.Conn) (smtp.Session, error) { return &p, nil }

func refusal(code int, said string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: said}
}

func (p *parrot) AuthMechanisms() []string { return []string{sasl.Plain} }

func (p *parrot) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, given string) error {
		return refusal(535, "not "+given+" nor "+base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+given)))
	}), nil
}

func (p *parrot) Mail(string, *smtp.MailOptions) error { return nil }
func (p *parrot) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (p *parrot) Reset()                               {}
func (p *parrot) Logout() error                        { return nil }

func (p *parrot) Data(r io.Reader) error {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil {
		return err
	}
	return refusal(554, executortest.Echo(subject))
}

func TestEchoedSecretsAreRedacted(t *testing.T) {
	t.Parallel()
	server := smtp.NewServer(parrot{})
	server.Domain, server.AllowInsecureAuth, server.ErrorLog = "localhost", true, quiet{}
	server.TLSConfig = tlsConfig(authority()(t))
	connection := policy.Connection{Kind: "smtp", Host: "127.0.0.1", Port: executortest.ListenMail(t, server), TLS: "starttls", From: "a@example.com"}
	cfg := policy.Config{Connections: map[string]policy.Connection{"mail": connection}}
	vault := executortest.NewVault(t, cfg, policy.Secret{Executors: []string{"send_email_executor"}}, New())
	outcome := vault.Call("send_email_executor", map[string]any{"to": "a@example.com", "subject": executortest.Hole, "body": "b"})
	if outcome.Err == nil || outcome.Err.Code != "554" || strings.Count(outcome.Err.Message, "[secret]") < 12 {
		t.Errorf("%s, %+v", outcome.Result, outcome.Err)
	}

	connection.User, connection.PasswordEnv = "ops", "MAIL_PASSWORD"
	_, failure := send(t, opened(t, connection, nil), `{"to": "a@example.com", "subject": "s", "body": "b"}`)
	if failure == nil || failure.Code != "535" || strings.Count(failure.Message, "[secret]") < 2 || strings.Contains(failure.Message, password) {
		t.Errorf("%+v", failure)
	}
}
