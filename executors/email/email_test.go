package email

import (
	"io"
	"mime"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/internal/toxic"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestDefinition(t *testing.T) {
	t.Parallel()
	executortest.Check(t, New())
}

func TestMessagesArrive(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"starttls", "tls", "none"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			box, connection := start(t, kind)
			out, failure := send(t, opened(t, connection, nil), `{"to": ["Ada Ümlaut <ada@example.com>", "bob@example.com"], "cc": "cy@example.com", "bcc": ["dee@example.com"],
				"reply_to": "re@example.com", "subject": "Grüße 世界", "body": "plain wörds\n.\nend", "html": "<b>rich</b>"}`)
			if failure != nil {
				t.Fatalf("%+v", failure)
			}
			got := <-box.messages
			everyone := []string{"ada@example.com", "bob@example.com", "cy@example.com", "dee@example.com"}
			if !out.Success || !slices.Equal(out.Accepted, everyone) || !slices.Equal(got.to, everyone) || got.from != "ops@example.com" {
				t.Errorf("%+v, from %s to %v", out, got.from, got.to)
			}
			subject, _ := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
			to, err := got.Header.AddressList("To")
			if err != nil || subject != "Grüße 世界" || to[0].Name != "Ada Ümlaut" || "<"+out.MessageID+">" != got.Header.Get("Message-Id") && out.MessageID != got.Header.Get("Message-Id") {
				t.Errorf("%q %v %v; id %q, %q", subject, to, err, out.MessageID, got.Header.Get("Message-Id"))
			}
			if strings.Contains(got.raw, "dee@example.com") || got.Header.Get("Reply-To") != "<re@example.com>" || !strings.HasPrefix(got.Header.Get("Content-Type"), "multipart/alternative") || !strings.Contains(got.body, "rich") {
				t.Errorf("the message is %s", got.raw)
			}
		})
	}
}

// A message that is sent again has the id of before, and the domain of its
// sender; another message has another one.
func TestMessageIDOfTheSameWork(t *testing.T) {
	t.Parallel()
	box, connection := start(t, "none")
	registry := executortest.Registry(t, opened(t, connection, nil), New())
	inputs, refused := registry.ResolveInputs("send_email_executor", []byte(`{"to": "ada@example.com", "subject": "s", "body": "b"}`))
	if refused != nil {
		t.Fatal(refused)
	}
	for i, c := range []struct{ key, want string }{{"k1", "<k1@example.com>"}, {"k1", "<k1@example.com>"}, {"k2", "<k2@example.com>"}} {
		call := &executors.Call{Inputs: inputs, Attempt: i + 1, IdempotencyKey: c.key}
		if out := registry.Invoke(t.Context(), "send_email_executor", call, 0); out.Err != nil {
			t.Fatal(out.Err)
		}
		if got := (<-box.messages).Header.Get("Message-Id"); got != c.want {
			t.Errorf("the id of message %d is %s, not %s", i, got, c.want)
		}
	}
}

func TestAttachments(t *testing.T) {
	t.Parallel()
	box, connection := start(t, "none")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("symbolic links take a privilege on Windows")
		}
		t.Fatal(err)
	}
	pol := opened(t, connection, func(cfg *policy.Config) {
		cfg.Files.Roots = map[string]policy.Root{"work": {Path: dir}}
	})
	_, failure := send(t, pol, `{"to": "a@example.com", "subject": "s", "body": "b", "attachments": ["work:a.txt", {"filename": "ü.csv", "content": "a,b"}, {"content_base64": "AP8="}]}`)
	if failure != nil {
		t.Fatalf("%+v", failure)
	}
	got := <-box.messages
	for _, want := range []string{"ZnJvbSBhIGZpbGU=", `filename="a.txt"`, "YSxi", "AP8=", "text/csv"} {
		if !strings.Contains(got.raw, want) {
			t.Errorf("%s is not in %s", want, got.raw)
		}
	}
	for attachment, kind := range map[string]executors.ErrorType{
		`"/etc/passwd"`: executors.PermissionDenied, `"work:link"`: executors.PermissionDenied, `"work:../x"`: executors.PermissionDenied,
		`{}`: executors.ValidationError, `{"content": "a", "path": "work:a.txt"}`: executors.ValidationError, `{"content_base64": "%"}`: executors.ValidationError,
		`{"content": "a", "filename": "a\r\nBcc: x@example.com"}`: executors.ValidationError, `{"content": "a", "content_type": "a/b\r\nX: y"}`: executors.ValidationError,
	} {
		_, failure := send(t, pol, `{"to": "a@example.com", "subject": "s", "body": "b", "attachments": [`+attachment+`]}`)
		if failure == nil || failure.Type != kind || !strings.HasPrefix(failure.Field, "attachments[0]") {
			t.Errorf("%s: %+v; want %s", attachment, failure, kind)
		}
	}
}

// TestInjection checks that no input can add a header, a recipient or a command.
func TestInjection(t *testing.T) {
	t.Parallel()
	box, connection := start(t, "none")
	pol := opened(t, connection, nil)
	for _, bad := range []string{
		`"a@example.com\r\nBcc: x@example.com"`, `"a@example.com\nBcc: x@example.com"`, `"a@example.com\rX"`, `"A\u0000 <a@example.com>"`, `"=?utf-8?q?a=0D=0ABcc:_x?= <a@example.com>"`,
		`"a@example.com, x@example.com"`, `"group: a@example.com, b@example.com;"`, `"\"a\r\n\"@example.com"`, `"\"a b\"@example.com"`, `"a@example.com> RCPT TO:<x@example.com"`,
		`"a@[127.0.0.1]"`, `"no address"`, `""`, `"@example.com"`, `"a\u2028@example.com"`,
	} {
		for _, field := range []string{"to", "cc", "bcc", "reply_to", "from_email"} {
			inputs := `{"to": "a@example.com", "subject": "s", "body": "b", "` + field + `": ` + bad + `}`
			if field == "to" {
				inputs = `{"to": ` + bad + `, "subject": "s", "body": "b"}`
			}
			if bad == `""` && (field == "reply_to" || field == "from_email") {
				continue // not given
			}
			if _, failure := send(t, pol, inputs); failure == nil || failure.Type != executors.ValidationError || failure.Field != field {
				t.Errorf("%s: %s: %+v", field, bad, failure)
			}
		}
	}
	for _, subject := range []string{`"s\r\nBcc: x@example.com"`, `"s\n\nbody"`, `"s\u2028x"`, `"s\u0000"`} {
		if _, failure := send(t, pol, `{"to": "a@example.com", "body": "b", "subject": `+subject+`}`); failure == nil || failure.Field != "subject" {
			t.Errorf("%s: %+v", subject, failure)
		}
	}
	if _, failure := send(t, pol, `{"to": "a@example.com", "subject": "=?utf-8?q?x=0D=0ABcc:_y@example.com?=", "body": "\r\n.\r\nRCPT TO:<x@example.com>\r\nDATA\r\n"}`); failure != nil {
		t.Fatalf("%+v", failure)
	}
	if got := <-box.messages; len(got.to) != 1 || got.Header.Get("Bcc") != "" || !strings.Contains(got.body, "RCPT TO") {
		t.Errorf("%v %s", got.to, got.raw)
	}
	if len(box.messages) != 0 {
		t.Errorf("%d messages too many", len(box.messages))
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	box, connection := start(t, "none")
	other := connection
	other.From = ""
	several := opened(t, connection, func(cfg *policy.Config) {
		cfg.Connections["other"] = other
		cfg.Connections["data"] = policy.Connection{Kind: "sqlite", DSN: "x.db"}
	})
	for _, c := range []struct {
		inputs, field string
		kind          executors.ErrorType
	}{
		{`"subject": "s"`, "connection", executors.ValidationError},
		{`"subject": "s", "connection": "none"`, "connection", executors.PermissionDenied},
		{`"subject": "s", "connection": "data"`, "connection", executors.ValidationError},
		{`"subject": "s", "connection": "other"`, "from_email", executors.ValidationError},
		{`"subject": "s", "connection": "mail", "from_email": "boss@example.com"`, "from_email", executors.PermissionDenied},
	} {
		if _, failure := send(t, several, `{"to": "a@example.com", "body": "b", `+c.inputs+`}`); failure == nil || failure.Type != c.kind || failure.Field != c.field {
			t.Errorf("%s: %+v", c.inputs, failure)
		}
	}
	if _, failure := send(t, several, `{"to": "a@example.com", "subject": "s", "connection": "mail"}`); failure == nil || failure.Field != "body" {
		t.Errorf("no body: %+v", failure)
	}
	if _, failure := send(t, several, `{"to": "a@example.com", "subject": "s", "body": "b", "connection": "other", "from_email": "me@example.com"}`); failure != nil {
		t.Fatalf("%+v", failure)
	}
	if got := <-box.messages; got.from != "me@example.com" {
		t.Errorf("from %s", got.from)
	}
	if _, failure := send(t, executortest.Closed(t), `{"to": "a@example.com", "subject": "s", "body": "b"}`); failure == nil || failure.Type != executors.PermissionDenied || !strings.Contains(failure.Hint, "kind: smtp") {
		t.Errorf("closed: %+v", failure)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	box, connection := start(t, "none")
	box.reject = func(to string) error {
		switch to {
		case "gone@example.com":
			return &smtp.SMTPError{Code: 550, Message: "nobody here"}
		case "busy@example.com":
			return &smtp.SMTPError{Code: 451, Message: "come again"}
		}
		return nil
	}
	pol := opened(t, connection, nil)
	for to, c := range map[string]struct {
		code  string
		retry bool
	}{"gone@example.com": {"550", false}, "busy@example.com": {"451", true}} {
		out, failure := send(t, pol, `{"to": ["a@example.com", "`+to+`"], "subject": "s", "body": "b"}`)
		if out != nil || failure == nil || failure.Type != executors.ExecutionError || failure.Code != c.code || failure.Retryable != c.retry || !strings.Contains(failure.Message, "connection mail") {
			t.Errorf("%s: %+v, %+v", to, out, failure)
		}
	}
	if len(box.messages) != 0 {
		t.Error("part of the recipients got it")
	}
}

// TestLogin covers a wrong password, and a server that echoes it.
func TestLogin(t *testing.T) {
	t.Parallel()
	_, connection := start(t, "starttls")
	connection.User = "nobody"
	_, failure := send(t, opened(t, connection, nil), `{"to": "a@example.com", "subject": "s", "body": "b"}`)
	if failure == nil || failure.Type != executors.AuthenticationError || failure.Code != "535" || strings.Contains(failure.Message, password) {
		t.Errorf("%+v", failure)
	}
}

// TestEncryption checks that nothing is sent unencrypted unless the operator
// configures it.
func TestEncryption(t *testing.T) {
	t.Parallel()
	box, connection := start(t, "none")
	connection.TLS = ""
	_, failure := send(t, opened(t, connection, nil), `{"to": "a@example.com", "subject": "s", "body": "b"}`)
	if failure == nil || failure.Type != executors.NetworkError || !strings.Contains(failure.Hint, "policy.connections.mail.tls") || len(box.messages) != 0 {
		t.Errorf("no STARTTLS there: %+v", failure)
	}
	authority()(t)
	strange := &mailbox{messages: make(chan received, 1)}
	server := smtp.NewServer(strange)
	server.TLSConfig, server.ErrorLog = tlsConfig(peers.NewCertificate(t)), quiet{}
	connection.Port = executortest.ListenMail(t, server)
	_, failure = send(t, opened(t, connection, nil), `{"to": "a@example.com", "subject": "s", "body": "b"}`)
	if failure == nil || failure.Type != executors.NetworkError || !strings.Contains(failure.Message, "certificate") || failure.Retryable || len(strange.messages) != 0 {
		t.Errorf("a strange certificate: %+v", failure)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for kind, tail := range map[string]int64{"starttls": 185, "none": 112} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			box, connection := start(t, kind)
			go func() { // discard the input
				for {
					select {
					case <-box.messages:
					case <-t.Context().Done():
						return
					}
				}
			}()
			toxic.Faults(t, toxic.Peer{
				Address: net.JoinHostPort(connection.Host, itoa(connection.Port)), Executor: "send_email_executor",
				Answer: `"accepted":["a@example.com"]`, Secret: password, Tail: tail, Names: []string{"the connection mail"}, Once: true,
				Open: func(tb testing.TB, address string) *executors.Registry {
					through := connection
					through.Port = port(tb, address)
					return executortest.Registry(tb, opened(tb, through, nil), New())
				},
				Inputs: func(string) string { return `{"to": "a@example.com", "subject": "s", "body": "b"}` },
			})
		})
	}
}

// TestCutAfterTheMessageWasTaken checks that an error after the server has accepted
// the message is ignored: a retry would send it twice.
func TestCutAfterTheMessageWasTaken(t *testing.T) {
	t.Parallel()
	box, connection := start(t, "none")
	network := toxic.New(t, net.JoinHostPort(connection.Host, itoa(connection.Port)))
	connection.Port = port(t, network.Address)
	pol := opened(t, connection, nil)
	for range 2 {
		if _, failure := send(t, pol, `{"to": "a@example.com", "subject": "s", "body": "b"}`); failure != nil {
			t.Fatalf("%+v", failure)
		}
		<-box.messages
		network.Cut(network.Sent() - 20) // in its last reply
	}
}

func TestEndlessServers(t *testing.T) {
	t.Parallel()
	address := peers.Listen(t, func(conn net.Conn) {
		for _, err := io.WriteString(conn, "220-welcome\r\n"); err == nil; _, err = io.WriteString(conn, strings.Repeat("220-more\r\n", 1000)) {
		}
	})
	connection := policy.Connection{Kind: "smtp", Host: "127.0.0.1", Port: port(t, address), TLS: "none", From: "a@example.com"}
	_, failure := send(t, opened(t, connection, nil), `{"to": "a@example.com", "subject": "s", "body": "b"}`)
	if failure == nil || failure.Type != executors.NetworkError || !strings.Contains(failure.Message, "too much data") {
		t.Errorf("%+v", failure)
	}
}

func TestCancelClosesTheConnection(t *testing.T) {
	t.Parallel()
	arrived, left := make(chan struct{}), make(chan struct{})
	address := peers.Listen(t, func(conn net.Conn) {
		close(arrived)
		_, _ = io.Copy(io.Discard, conn)
		close(left)
	})
	connection := policy.Connection{Kind: "smtp", Host: "127.0.0.1", Port: port(t, address), TLS: "none", From: "a@example.com"}
	registry := executortest.Registry(t, opened(t, connection, nil), New())
	executortest.Cancelled(t, registry, "send_email_executor", `{"to": "a@example.com", "subject": "s", "body": "b"}`, arrived)
	<-left
}
