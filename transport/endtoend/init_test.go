package endtoend

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// TestInitOpensWhatWorks opens databases, a secret, mail and a model with init, and
// uses each against a real server. The file holds none of the values.
func TestInitOpensWhatWorks(t *testing.T) {
	t.Parallel()
	server := peers.StartPostgres(t)
	prepare(t, "pgx", server.Superuser(), "create role reader login", "grant pg_read_all_data to reader", "create table shelves (item text)", "insert into shelves values ('pen')")
	mysql := peers.StartMariaDB(t)
	prepare(t, "mysql", mysql.DSN("root", "", "test"), "create user reader@'%'", "grant select on test.* to reader@'%'", "create table customers (name text)", "insert into customers values ('Ada')")
	mails, box := mailbox(t)
	ai := model(t, answers)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer key-0123456789" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, "welcome")
	}))
	t.Cleanup(api.Close)
	at := strings.TrimPrefix(api.URL, "http://")

	all := together(&place{settings: map[string]any{}, variables: mails.variables, trusted: mails.trusted}, &place{settings: map[string]any{}, variables: ai.variables})
	h := all.home(t)
	require.NoError(t, os.Remove(h.config)) // init writes the user's file
	h.config = filepath.Join(h.dir, "chainwright", "chainwright.yaml")
	first := h
	first.config = ""
	port := mails.settings["policy"].(map[string]any)["connections"].(map[string]any)["mail"].(map[string]any)["port"].(int)
	write(t, filepath.Join(h.dir, "notes.db"), "")
	out, exit := first.command(t, "init", "--user", "--json", "--open", "postgres:shelves", "--open", "mysql:customers=CUSTOMERS", "--open", "sqlite:notes.db:write",
		"--open", "secret:API_KEY@"+at, "--open", "network:"+at, "--open", "email:ops@127.0.0.1:"+strconv.Itoa(port), "--open", "model:openai:gpt-4.1-mini")
	require.Zero(t, exit)
	require.Contains(t, out, `"variables":["SHELVES_DSN","CUSTOMERS","API_KEY","MAIL_PASSWORD","OPENAI_API_KEY"]`)

	_, exit = h.command(t, "doctor")
	require.Equal(t, 1, exit, "the variables are not set yet")
	h.variables = append(h.variables, "SHELVES_DSN="+server.DSN("reader", "postgres"), "CUSTOMERS="+mysql.DSN("reader", "", "test"), "API_KEY=key-0123456789")
	report, exit := h.command(t, "doctor")
	require.Zero(t, exit, report)

	for _, each := range []struct{ tool, inputs, want string }{
		{"db_query", `{"connection": "shelves", "query": "select item from shelves"}`, "pen"},
		{"db_query", `{"connection": "customers", "query": "select name from customers"}`, "Ada"},
		{"db_query", `{"connection": "notes", "mode": "write", "query": "create table n (x)"}`, "completed"},
		{"rest_executor", `{"url": "` + api.URL + `", "auth": {"type": "bearer", "token": "${{ secrets.API_KEY }}"}}`, "welcome"},
		{"send_email_executor", `{"to": ["ann@example.com"], "from_email": "ops@example.com", "subject": "from init", "body": "x"}`, "completed"},
		{"llm_executor", `{"prompt": "Name the capital of France."}`, "Paris"},
	} {
		out, exit := h.command(t, "call", each.tool, "--yes", "--inputs", each.inputs)
		require.Zero(t, exit, out)
		require.Contains(t, out, each.want)
	}
	require.Contains(t, strings.Join(box.take(), ""), "from init")

	text, err := os.ReadFile(h.config)
	require.NoError(t, err)
	for _, value := range []string{server.DSN("reader", "postgres"), mysql.DSN("reader", "", "test"), "key-0123456789", mailPassword} {
		require.NotContains(t, string(text), value)
	}
}
