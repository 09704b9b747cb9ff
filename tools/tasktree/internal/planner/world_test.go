package planner_test

import (
	databasesql "database/sql"
	"encoding/json"
	"io"
	"mime/quotedprintable"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/rs/zerolog"
	_ "modernc.org/sqlite" // the driver sqlite

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// world is what plans act on: an HTTP API, files, a database and a mail server.
type world struct {
	registry *executors.Registry
	url      string
	folder   string
	database string

	mu    sync.Mutex
	posts []string // METHOD PATH BODY
	mails []string // TO|SUBJECT|BODY
}

// answers are the bodies of the API's GET requests.
var answers = map[string]string{
	"/orders": `[{"id":1,"city":"Oslo","total":12.5,"status":"paid","day":"2026-01-10","email":"a@x.io"},` +
		`{"id":2,"city":"Rome","total":7,"status":"open","day":"2026-02-10","email":"b@x.io"},` +
		`{"id":3,"city":"Oslo","total":30,"status":"paid","day":"2026-03-10","email":"a@x.io"}]`,
	"/more":        `[{"id":4,"city":"Bonn","total":1,"status":"open","day":"2026-04-10","email":"c@x.io"}]`,
	"/customers":   `{"customers":[{"id":"x","email":"x@x.io"},{"id":"y","email":"y@x.io"}],"page":1}`,
	"/customers/x": `{"name":"Ada"}`,
	"/customers/y": `{"name":"Bob"}`,
	"/order":       `{"id":9,"status":"paid"}`,
	"/nothing":     `[]`,
	"/health":      `{"ok":true}`,
	"/answer":      `{"answer":42}`,
}

var given = map[string]string{
	"orders.csv": "id,city,total\n1,Oslo,9\n2,Rome,10\n3,Oslo,30\n",
	"names.csv":  "id,name\n1,Ada\n2,Bob\n",
	"a.json":     `[{"id":1}]`,
	"b.json":     `[{"id":2}]`,
	"urls.txt":   "URL/customers/x\nURL/customers/y\n",
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{folder: t.TempDir(), database: filepath.Join(t.TempDir(), "shop.db")}
	api := httptest.NewServer(w)
	t.Cleanup(api.Close)
	w.url = api.URL
	for name, text := range given {
		if err := os.WriteFile(filepath.Join(w.folder, name), []byte(strings.ReplaceAll(text, "URL", w.url)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.sql(t, "create table orders (id integer, total real); insert into orders values (1, 12.5), (2, 7); create table kept (data text)")
	pol := executortest.Policy(t, policy.Config{
		Network: policy.Network{Allow: []string{strings.TrimPrefix(api.URL, "http://"), "127.0.0.1:1"}},
		Files:   policy.Files{Roots: map[string]policy.Root{"work": {Path: w.folder, Write: true}}},
		Connections: map[string]policy.Connection{
			"shop": {Kind: "sqlite", DSN: w.database, Write: true},
			"mail": w.mailServer(t),
		},
	})
	w.registry = executortest.Registry(t, pol, builtin.All()...)
	return w
}

// ServeHTTP answers the requests of plans, and keeps those that send something.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.Method != http.MethodGet {
		w.mu.Lock()
		w.posts = append(w.posts, r.Method+" "+r.URL.Path+" "+string(body))
		w.mu.Unlock()
		_, _ = io.WriteString(rw, "done")
		return
	}
	answer, ok := answers[r.URL.Path]
	if !ok {
		rw.WriteHeader(http.StatusNotFound)
	}
	rw.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(rw, answer)
}

func (w *world) mailServer(t *testing.T) policy.Connection {
	t.Helper()
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{world: w}, nil }))
	server.Domain = "localhost"
	return policy.Connection{Kind: "smtp", Host: "127.0.0.1", Port: executortest.ListenMail(t, server), TLS: "none", From: "ops@example.com"}
}

// session receives one mail.
type session struct {
	world *world
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
	body, err := io.ReadAll(quotedprintable.NewReader(message.Body))
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.world.mails = append(s.world.mails, strings.Join(s.to, ",")+"|"+message.Header.Get("Subject")+"|"+strings.TrimSpace(string(body)))
	return err
}

// sql runs a statement on the database, and returns the first column of its
// rows.
func (w *world) sql(t *testing.T, statement string) (found []string) {
	t.Helper()
	db, err := databasesql.Open("sqlite", "file:"+filepath.ToSlash(w.database))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(statement)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		found = append(found, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// run runs a tree to its end.
func (w *world) run(t *testing.T, tree *chain.Tree, inputs map[string]any) *chain.RunView {
	t.Helper()
	kept := memory.Open(memory.Options{})
	runner := engine.New(engine.Options{Registry: w.registry, Store: kept, Log: zerolog.Nop()})
	defer kept.Close()
	defer func() {
		if err := runner.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	started, err := chain.Start(t.Context(), runner, tree, chain.RunOptions{Inputs: inputs})
	if err != nil {
		t.Fatalf("%v\n%s", err, tree.Source())
	}
	view, err := runner.Wait(t.Context(), started.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	return view
}

// effects are everything that plans have changed.
func (w *world) effects(t *testing.T) effects {
	t.Helper()
	e := effects{Rows: w.sql(t, "select data from kept")}
	w.mu.Lock()
	e.Posts, e.Mails = slices.Clone(w.posts), slices.Clone(w.mails)
	w.mu.Unlock()
	entries, err := os.ReadDir(w.folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(w.folder, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.TrimSpace(string(data))
		if before, there := given[entry.Name()]; there && text == strings.TrimSpace(strings.ReplaceAll(before, "URL", w.url)) {
			continue
		}
		var value any
		if strings.HasSuffix(entry.Name(), ".json") && json.Unmarshal(data, &value) == nil {
			text = compact(value)
		}
		e.Files = append(e.Files, entry.Name()+" "+text)
	}
	return e
}

func compact(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// effects are listed sorted: files as NAME TEXT, posts as METHOD PATH BODY,
// mails as TO|SUBJECT|BODY, and rows of the table kept.
type effects struct{ Files, Posts, Mails, Rows []string }

func (e effects) sorted() effects {
	for _, list := range []*[]string{&e.Files, &e.Posts, &e.Mails, &e.Rows} {
		*list = append([]string{}, *list...)
		slices.Sort(*list)
	}
	return e
}
