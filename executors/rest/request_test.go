package rest

import (
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestRequest(t *testing.T) {
	t.Parallel()
	server := serve(t, echo)
	d := newCaller(t, local)
	for _, c := range []struct {
		name, inputs      string // without the url, which is the echo server's with "/a%20b?x=1&y=%2F"
		method, uri, body string
		headers           map[string]string
	}{
		{name: "the defaults", inputs: ``, method: "GET", uri: "/a%20b?x=1&y=%2F",
			headers: map[string]string{"Accept": "*/*", "User-Agent": "chainwright", "Content-Type": "", "Authorization": ""}},
		{name: "parameters are added", inputs: `"params": {"z": [1, "two", true], "n": null, "f": 1.50}`,
			method: "GET", uri: "/a%20b?x=1&y=%2F&f=1.50&z=1&z=two&z=true"},
		{name: "headers of all kinds", inputs: `"headers": {"x-number": 7, "X-Flag": true, "Accept": " text/plain "}`,
			method: "GET", uri: "/a%20b?x=1&y=%2F", headers: map[string]string{"X-Number": "7", "X-Flag": "true", "Accept": "text/plain"}},
		{name: "json", inputs: `"method": "POST", "json": {"a": "<b>", "list": [1]}`, method: "POST", uri: "/a%20b?x=1&y=%2F",
			body: `{"a":"<b>","list":[1]}`, headers: map[string]string{"Content-Type": "application/json"}},
		{name: "json null is a body", inputs: `"method": "PUT", "json": null`, method: "PUT", uri: "/a%20b?x=1&y=%2F", body: `null`},
		{name: "json with a type of its own", inputs: `"method": "PATCH", "json": [], "headers": {"content-type": "application/merge-patch+json"}`,
			method: "PATCH", uri: "/a%20b?x=1&y=%2F", body: `[]`, headers: map[string]string{"Content-Type": "application/merge-patch+json"}},
		{name: "a form", inputs: `"method": "POST", "data": {"b": "x y&z", "a": [1, 2], "n": null}`, method: "POST", uri: "/a%20b?x=1&y=%2F",
			body: `a=1&a=2&b=x+y%26z`, headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
		{name: "text", inputs: `"method": "POST", "body": "grüße"`, method: "POST", uri: "/a%20b?x=1&y=%2F",
			body: "grüße", headers: map[string]string{"Content-Type": "text/plain; charset=utf-8", "Content-Length": "7"}},
		{name: "a body with DELETE", inputs: `"method": "DELETE", "json": 1`, method: "DELETE", uri: "/a%20b?x=1&y=%2F", body: "1"},
		{name: "no body with POST", inputs: `"method": "POST"`, method: "POST", uri: "/a%20b?x=1&y=%2F", headers: map[string]string{"Content-Length": "0"}},
		{name: "bearer", inputs: `"auth": {"type": "bearer", "token": "t0k"}`, method: "GET", uri: "/a%20b?x=1&y=%2F",
			headers: map[string]string{"Authorization": "Bearer t0k"}},
		{name: "basic", inputs: `"auth": {"type": "basic", "username": "ada", "password": "p:w"}`, method: "GET", uri: "/a%20b?x=1&y=%2F",
			headers: map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("ada:p:w"))}},
		{name: "an API key in a header", inputs: `"auth": {"type": "apikey", "value": "k"}`, method: "GET", uri: "/a%20b?x=1&y=%2F",
			headers: map[string]string{"X-Api-Key": "k"}},
		{name: "an API key in the query", inputs: `"auth": {"type": "apikey", "key": "api_key", "value": "k&", "location": "query"}`,
			method: "GET", uri: "/a%20b?x=1&y=%2F&api_key=k%26", headers: map[string]string{"X-Api-Key": ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inputs := fmt.Sprintf(`{"url": %q`, server.URL+"/a%20b?x=1&y=%2F#part")
			if c.inputs != "" {
				inputs += ", " + c.inputs
			}
			out, failure := d.call(inputs + "}")
			got := echoed(t, out, failure)
			if got.Method != c.method || got.URI != c.uri || got.Body != c.body {
				t.Errorf("sent %s %s %q; want %s %s %q", got.Method, got.URI, got.Body, c.method, c.uri, c.body)
			}
			for name, want := range c.headers {
				if value := got.Headers.Get(name); value != want {
					t.Errorf("header %s = %q; want %q", name, value, want)
				}
			}
			if strings.Contains(out.URL, "api_key") || strings.Contains(out.URL, "#") {
				t.Errorf("url = %q shows too much", out.URL)
			}
		})
	}
}

func TestInvalidInputs(t *testing.T) {
	t.Parallel()
	server := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("something was sent") })
	d := newCaller(t, local)
	const url = `"url": "URL", `
	for _, c := range []struct{ inputs, field, message string }{
		{`"method": "GET"`, "url", "required"},
		{`"url": "ftp://127.0.0.1/x"`, "url", `must begin with http:// or https://; got the scheme "ftp"`},
		{`"url": "127.0.0.1"`, "url", "must begin with http"},
		{`"url": "http://"`, "url", "has no host"},
		{`"url": "http://[::1"`, "url", "can't be read"},
		{`"url": "http://ada:secret@127.0.0.1/"`, "url", "set them in auth"},
		{url + `"method": "get"`, "method", "GET"},
		{url + `"json": {}, "data": {}`, "data", "json and data can't be combined"},
		{url + `"data": {}, "body": ""`, "body", "data and body can't be combined"},
		{url + `"json": null, "files": {"f": {"content": ""}}`, "files", "json and files can't be combined"},
		{url + `"headers": {"X-A": "1\r\nX-Evil: 2"}`, "headers.X-A", "control character"},
		{url + `"headers": {"X-A": "1\u0000"}`, "headers.X-A", "control character"},
		{url + `"headers": {"X A": "1"}`, "headers", `header name "X A"`},
		{url + `"headers": {"X-A:": "1"}`, "headers", "header name"},
		{url + `"headers": {"": "1"}`, "headers", "header name"},
		{url + `"headers": {"Host": "evil.example"}`, "headers.Host", "can't be set"},
		{url + `"headers": {"transfer-encoding": "chunked"}`, "headers.transfer-encoding", "can't be set"},
		{url + `"headers": {"Content-Length": "5"}`, "headers.Content-Length", "can't be set"},
		{url + `"headers": {"Accept": "a", "accept": "b"}`, "headers.accept", "set twice"},
		{url + `"auth": {"type": "bearer"}`, "auth.token", "required with auth.type bearer"},
		{url + `"auth": {"type": "bearer", "token": "a\nb"}`, "auth.token", "control character"},
		{url + `"auth": {"type": "basic"}`, "auth.username", "required"},
		{url + `"auth": {"type": "basic", "username": "a:b"}`, "auth.username", "colon"},
		{url + `"auth": {"type": "apikey"}`, "auth.value", "required"},
		{url + `"auth": {"type": "apikey", "key": "Host", "value": "x"}`, "auth.key", "Host"},
		{url + `"params": {"k": 1}, "auth": {"type": "apikey", "key": "k", "value": "x", "location": "query"}`, "auth.key", `already has a parameter "k"`},
		{url + `"headers": {"authorization": "x"}, "auth": {"type": "bearer", "token": "t"}`, "auth.token", "both set the header Authorization"},
		{url + `"expect_status": ["9xx"]`, "expect_status[0]", ""},
		{url + `"expect_status": ["204-200"]`, "expect_status[0]", "range"},
		{url + `"expect_status": [99]`, "expect_status[0]", ""},
		{url + `"max_bytes": 0`, "max_bytes", ""},
		{url + `"timeout": 0`, "timeout", ""},
		{url + `"data": {"a": {"b": 1}}`, "data.a", ""},
		{url + `"files": {"f": {}}`, "files.f", "exactly one of path, content and content_base64; got 0"},
		{url + `"files": {"f": {"content": "a", "path": "b"}}`, "files.f", "got 2"},
		{url + `"files": {"f": {"content_base64": "!"}}`, "files.f", "not base64"},
		{url + `"files": {"f": {"content": "a", "content_type": "a\nb"}}`, "files.f.content_type", "control character"},
		{url + `"method": "POST", "paginate": {"type": "page"}`, "paginate", "requires method GET"},
		{url + `"paginate": {"type": "cursor"}`, "paginate.cursor_field", "required with type cursor"},
		{url + `"paginate": {"type": "link", "start": "x"}`, "paginate.start", "not used with type link"},
		{url + `"paginate": {"type": "page", "start": "x"}`, "paginate.start", "whole number"},
		{url + `"paginate": {"type": "page", "items": "a..b"}`, "paginate.items", "key is missing"},
	} {
		out, failure := d.call("{" + strings.ReplaceAll(c.inputs, "URL", server.URL) + "}")
		if failure == nil {
			t.Errorf("%s gave %+v; want it refused", c.inputs, out)
			continue
		}
		if failure.Type != executors.ValidationError || failure.Field != c.field || !strings.Contains(failure.Message, c.message) || out != nil {
			t.Errorf("%s: %s in %q: %s; want %q in %q", c.inputs, failure.Type, failure.Field, failure.Message, c.message, c.field)
		}
	}
}

func TestUploads(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "report.csv"), []byte("a,b\n1,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	type part struct{ name, filename, contentType, content string }
	var got []part
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil {
			t.Errorf("content type: %v", err)
			return
		}
		for reader := multipart.NewReader(r.Body, params["boundary"]); ; {
			p, err := reader.NextRawPart()
			if err != nil {
				return
			}
			content, _ := io.ReadAll(p)
			got = append(got, part{p.FormName(), p.FileName(), p.Header.Get("Content-Type"), string(content)})
		}
	})
	cfg := local
	cfg.Files.Roots = map[string]policy.Root{"work": {Path: folder}}
	_, failure := newCaller(t, cfg).call(fmt.Sprintf(`{"url": %q, "method": "POST", "data": {"note": ["x", 2]},
		"headers": {"Content-Type": "text/ignored"},
		"files": {"a": "report.csv", "b": {"content": "héllo", "filename": "q\"uote.txt"},
		          "c": {"content_base64": "AAEC", "content_type": "image/x-odd"}, "d": {"path": "work:report.csv", "filename": "other"}}}`, server.URL))
	if failure != nil {
		t.Fatalf("failed: %+v", failure)
	}
	want := []part{
		{"note", "", "", "x"}, {"note", "", "", "2"},
		{"a", "report.csv", "text/csv; charset=utf-8", "a,b\n1,2\n"},
		{"b", `q"uote.txt`, "text/plain; charset=utf-8", "héllo"},
		{"c", "c", "image/x-odd", "\x00\x01\x02"},
		{"d", "other", "application/octet-stream", "a,b\n1,2\n"},
	}
	if len(got) != len(want) {
		t.Fatalf("parts = %+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("part %d = %+v; want %+v", i, got[i], want[i])
		}
	}
}

func TestUploadsStayInTheRoots(t *testing.T) {
	t.Parallel()
	server := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("something was sent") })
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	opened := local
	opened.Files.Roots = map[string]policy.Root{"work": {Path: t.TempDir()}}
	for _, cfg := range []policy.Config{local, opened} {
		_, failure := newCaller(t, cfg).call(fmt.Sprintf(`{"url": %q, "method": "POST", "files": {"f": %q}}`, server.URL, outside))
		if failure == nil || failure.Type != executors.PermissionDenied || failure.Field != "files.f" {
			t.Errorf("failure = %+v; want permission_denied for files.f", failure)
		}
	}
}
