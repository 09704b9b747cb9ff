package world

import (
	databasesql "database/sql"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/textproto"
	"strings"

	"github.com/emersion/go-smtp"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// serve starts the API and returns its address.
func (w *World) serve() string {
	api := httptest.NewServer(http.HandlerFunc(w.answer))
	w.tb.Cleanup(api.Close)
	return api.URL
}

// answer answers a request. One that is not a GET has an effect, unless its
// answer is a failure.
func (w *World) answer(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	reply := w.reply(r)
	if reply.Status == 0 {
		reply.Status = http.StatusOK
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && !reply.Asks && (reply.Status < 400 || reply.Done) {
		w.mu.Lock()
		w.requests = append(w.requests, Request{r.Method, r.URL.RequestURI(), string(body)})
		w.mu.Unlock()
	}
	if reply.Silent {
		<-r.Context().Done()
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	for name, value := range reply.Header {
		rw.Header().Set(name, w.Text(value))
	}
	rw.WriteHeader(reply.Status)
	_, _ = rw.Write(reply.Body.bytes(w.tb, w.URL)) // an error is expected: the client may have gone
}

// reply returns the next reply of the first route that matches. A request for
// what is not there is refused; anything that is sent is taken.
func (w *World) reply(r *http.Request) Reply {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.data.API {
		route := &w.data.API[i]
		if !route.matches(r) {
			continue
		}
		at := min(w.answered[i], len(route.Replies)-1)
		w.answered[i]++
		return route.Replies[at]
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return Reply{Status: http.StatusNotFound, Body: Text{Text: `{"error":"not found"}`}}
	}
	return Reply{Header: map[string]string{"Content-Type": "text/plain"}, Body: Text{Text: "done"}}
}

func (route *Route) matches(r *http.Request) bool {
	method := route.Method
	if method == "" {
		method = http.MethodGet
	}
	if r.Method != method || r.URL.Path != route.Path {
		return false
	}
	query := r.URL.Query()
	for name, value := range route.Query {
		if query.Get(name) != value {
			return false
		}
	}
	return true
}

// listenMail starts the mail server.
func (w *World) listenMail() policy.Connection {
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{world: w}, nil }))
	server.Domain = "localhost"
	return policy.Connection{Kind: "smtp", Host: "127.0.0.1", Port: executortest.ListenMail(w.tb, server), TLS: "none", From: "ops@example.com"}
}

// session receives one mail.
type session struct {
	world *World
	to    []string
}

func (s *session) Reset()                               { s.to = nil }
func (s *session) Logout() error                        { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error { return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil {
		return err
	}
	got := Mail{To: strings.Join(s.to, ", "), Subject: subject}
	if err := got.read(textproto.MIMEHeader(message.Header), message.Body); err != nil {
		return err
	}
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.world.mails = append(s.world.mails, got)
	return nil
}

// read adds a part of a message and the parts in it: text to the body, and
// attachments after it.
func (m *Mail) read(header textproto.MIMEHeader, body io.Reader) error {
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return err
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			part, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := m.read(part.Header, part); err != nil {
				return err
			}
		}
	}
	switch strings.ToLower(header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	m.Body = strings.TrimSpace(m.Body + "\n" + strings.ReplaceAll(string(text), "\r\n", "\n"))
	return err
}

// exec runs the statements of an SQL text.
func (w *World) exec(statements string) {
	db := w.open()
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		w.tb.Fatal(err)
	}
}

func (w *World) open() *databasesql.DB {
	db, err := databasesql.Open("sqlite", "file:"+strings.ReplaceAll(w.database, `\`, "/"))
	if err != nil {
		w.tb.Fatal(err)
	}
	return db
}
