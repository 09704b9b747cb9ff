package mcp_test

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/mcp"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestNamedConnections checks that callers can use a named connection whose
// address policy does not allow, without seeing its token.
func TestNamedConnections(t *testing.T) {
	t.Parallel()
	to, err := url.Parse(old(t, "2025-06-18", false))
	if err != nil {
		t.Fatal(err)
	}
	var token atomic.Value
	token.Store("the-first-token")
	var admitted atomic.Int64
	behind := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token.Load().(string) || r.Header.Get("X-Team") != "orders" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "not with "+r.Header.Get("Authorization"))
			return
		}
		admitted.Add(1)
		behind.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	dir := t.TempDir()
	keep := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	authority := keep("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	tokenFile := keep("token", []byte("the-first-token\n"))
	tickets := policy.Connection{Kind: "mcp", URL: server.URL + "/mcp", CAFile: authority, TokenFile: tokenFile}
	stranger := tickets
	stranger.CAFile = ""
	// Without network.allow, callers can't use the address directly.
	pol := executortest.Policy(t, policy.Config{Connections: map[string]policy.Connection{"tickets": tickets, "stranger": stranger}})
	d := &caller{t, executortest.Registry(t, pol, mcp.New())}
	base := object{"transport": "http", "url": "tickets", "operation": "call_tool", "tool_name": "add", "headers": object{"X-Team": "orders"}}
	for range 3 {
		if out, err := d.call(t.Context(), base); err != nil || !out.Success {
			t.Fatalf("%+v, %+v", out, err)
		}
	}
	for name, c := range map[string]struct {
		more  object
		kind  executors.ErrorType
		field string
	}{
		"its address":          {object{"url": server.URL + "/mcp"}, executors.PermissionDenied, "url"},
		"a token of one's own": {object{"headers": object{"authorization": "Bearer mine"}}, executors.ValidationError, "headers.Authorization"},
		"who is unknown here":  {object{"url": "stranger"}, executors.NetworkError, ""},
		"no connection":        {object{"url": "ticket"}, executors.ValidationError, "url"},
	} {
		if _, err := d.call(t.Context(), with(base, c.more)); err == nil || err.Type != c.kind || c.field != "" && err.Field != c.field {
			t.Errorf("%s: %+v", name, err)
		}
	}
	token.Store("the-second-token")
	_, failed := d.call(t.Context(), base)
	if failed == nil || failed.Type != executors.AuthenticationError || strings.Contains(failed.Message, "the-first-token") {
		t.Errorf("%+v", failed)
	}
	keep("token", []byte("the-second-token"))
	if out, err := d.call(t.Context(), base); err != nil || !out.Success || admitted.Load() == 0 {
		t.Errorf("%+v, %+v", out, err)
	}
}

// TestEverythingInEveryRevision runs the reference server in every protocol
// revision over HTTP and stdio, through a proxy that selects the revision.
func TestEverythingInEveryRevision(t *testing.T) {
	t.Parallel()
	program := peers.FindProgram(t, "mcp-server-everything").Path
	address := freeAddress(t)
	serve(t, address, exec.Command(program, "streamableHttp"), "PORT="+address[strings.LastIndexByte(address, ':')+1:])
	to := &url.URL{Scheme: "http", Host: address}
	asks := regexp.MustCompile(`("method":"initialize".*"protocolVersion":")[^"]*|("protocolVersion":")[^"]*(".*"method":"initialize")`)
	for _, revision := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		between := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			if r.In.Method != http.MethodPost {
				return
			}
			text, err := io.ReadAll(r.In.Body)
			if err != nil {
				t.Error(err)
			}
			text = asks.ReplaceAll(text, []byte("${1}${2}"+revision+"${3}"))
			r.Out.Body, r.Out.ContentLength = io.NopCloser(strings.NewReader(string(text))), int64(len(text))
			r.Out.Header.Set("Content-Length", strconv.Itoa(len(text)))
		}})
		t.Cleanup(between.Close)
		script := script(t, "exec sed -u 's/\\(\"protocolVersion\":\"\\)[^\"]*/\\1"+revision+"/' | exec "+program+" stdio\n")
		for name, base := range map[string]object{
			"http":  {"transport": "http", "url": between.URL + "/mcp"},
			"stdio": {"transport": "stdio", "command": []string{script}},
		} {
			t.Run(name+" "+revision, func(t *testing.T) {
				t.Parallel()
				d := newCaller(t, policy.Config{}, script)
				exercise(t, d, base)
				out, err := d.call(t.Context(), with(base, object{"operation": "list_tools"}))
				if err != nil || out.ProtocolVersion != revision {
					t.Errorf("it speaks %s: %v", out.ProtocolVersion, err)
				}
			})
		}
	}
}
