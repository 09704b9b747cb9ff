package rest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
)

// list serves the numbers 0 to total-1 in pages of ten, by Link header, cursor
// and page number.
func list(total int, pageParam string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		from, _ := strconv.Atoi(q.Get("after"))
		if page, err := strconv.Atoi(q.Get(pageParam)); err == nil {
			from = (page - 1) * 10
		}
		items := []string{}
		for i := from; i < min(from+10, total); i++ {
			items = append(items, fmt.Sprintf(`{"n": %d.0, "big": 12345678901234567890}`, i))
		}
		cursor := "null"
		if from+10 < total {
			cursor = strconv.Itoa(from + 10)
			w.Header().Set("Link", fmt.Sprintf(`<%s?after=%s&kind=%s>; rel="next"`, r.URL.Path, cursor, q.Get("kind")))
		}
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("X-Api-Key") == "" && q.Get("key") == "" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		all := strings.Join(items, ",")
		if r.URL.Path == "/bare" {
			_, _ = fmt.Fprintf(w, "[%s]", all)
			return
		}
		_, _ = fmt.Fprintf(w, `{"data": {"items": [%s]}, "paging": {"next": %s}}`, all, cursor)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	server := serve(t, list(25, "p"))
	d := newCaller(t, local)
	const header, query = `{"type": "apikey", "value": "k"}`, `{"type": "apikey", "key": "key", "value": "k", "location": "query"}`
	for _, c := range []struct {
		name, path, auth, paginate string
		items, pages               int
		next                       string
	}{
		{"links", "/bare?kind=a", header, `{"type": "link"}`, 25, 3, ""},
		{"links that leave the key out", "/wrapped?kind=a", query, `{"type": "link", "items": ".data.items"}`, 25, 3, ""},
		{"links, two pages", "/bare", header, `{"type": "link", "max_pages": 2}`, 20, 2, "URL/bare?after=20&kind="},
		{"links, two pages, without the key", "/bare", query, `{"type": "link", "max_pages": 1}`, 10, 1, "URL/bare?after=10&kind="},
		{"a cursor", "/wrapped", header, `{"type": "cursor", "items": "data.items", "cursor_field": "paging.next", "cursor_param": "after"}`, 25, 3, ""},
		{"a cursor from a start", "/wrapped?after=3", query, `{"type": "cursor", "items": "data.items", "cursor_field": "paging.next", "cursor_param": "after", "start": 10}`, 15, 2, ""},
		{"a cursor, one page", "/wrapped", header, `{"type": "cursor", "items": "data.items", "cursor_field": "paging.next", "cursor_param": "after", "max_pages": 1}`, 10, 1, "10"},
		{"a counter", "/bare", header, `{"type": "page", "page_param": "p"}`, 25, 4, ""},
		{"a counter from a start", "/bare", query, `{"type": "page", "page_param": "p", "start": 2}`, 15, 3, ""},
		{"a counter, two pages", "/bare", header, `{"type": "page", "page_param": "p", "max_pages": 2}`, 20, 2, "3"},
		{"a counter that the server ignores", "/bare", header, `{"type": "page"}`, 10, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, failure := d.call(fmt.Sprintf(`{"url": %q, "auth": %s, "paginate": %s}`, server.URL+c.path, c.auth, c.paginate))
			if failure != nil {
				t.Fatalf("failed: %+v", failure)
			}
			var items []struct {
				N   json.Number `json:"n"`
				Big json.Number `json:"big"`
			}
			if err := json.Unmarshal(out.JSON, &items); err != nil {
				t.Fatalf("items: %v", err)
			}
			if len(items) != c.items || out.Pages != c.pages {
				t.Fatalf("%d items of %d pages; want %d of %d", len(items), out.Pages, c.items, c.pages)
			}
			first := 0
			if strings.Contains(c.name, "start") {
				first = 25 - c.items
			}
			for i, item := range items {
				if want := fmt.Sprintf("%d.0", first+i); item.N.String() != want || item.Big != "12345678901234567890" {
					t.Errorf("item %d = %+v; want %s", i, item, want)
				}
			}
			if next := strings.ReplaceAll(c.next, "URL", server.URL); out.NextPage != next || out.Truncated != (next != "") {
				t.Errorf("next_page %q, truncated %v; want %q", out.NextPage, out.Truncated, next)
			}
			if (out.Warning != "") != (strings.Contains(c.name, "ignores") || out.Truncated) {
				t.Errorf("warning = %q", out.Warning)
			}
		})
	}
}

// One page of a list says that it is one, and where the next one is. An API key
// is not part of that address.
func TestOnePage(t *testing.T) {
	t.Parallel()
	server := serve(t, list(25, "p"))
	d := newCaller(t, local)
	const header, query = `{"type": "apikey", "value": "k"}`, `{"type": "apikey", "key": "key", "value": "k", "location": "query"}`
	for _, c := range []struct{ path, method, auth, next string }{
		{"/bare?kind=a", "GET", header, "URL/bare?after=10&kind=a"},
		{"/bare?after=10", "GET", query, "URL/bare?after=20&kind="},
		{"/bare?after=20", "GET", header, ""},
		{"/bare", "POST", header, ""},
	} {
		out, failure := d.call(fmt.Sprintf(`{"url": %q, "method": %q, "auth": %s}`, server.URL+c.path, c.method, c.auth))
		if failure != nil {
			t.Fatalf("%s: %+v", c.path, failure)
		}
		if next := strings.ReplaceAll(c.next, "URL", server.URL); out.NextPage != next || strings.Contains(out.Warning, "one page of several") != (next != "") || out.Truncated {
			t.Errorf("%s %s: next_page %q, warning %q; want %q", c.method, c.path, out.NextPage, out.Warning, next)
		}
	}
}

func TestFailedPages(t *testing.T) {
	t.Parallel()
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Secret") != "" {
			t.Error("a credential went to another host by a Link header")
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `["other"]`)
	})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		second := r.URL.Query().Get("c") != "" || r.URL.Query().Get("page") == "2"
		switch path := r.URL.Path; {
		case path == "/broken" && second:
			_, _ = io.WriteString(w, `{"items": `)
		case path == "/text":
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "hello")
		case path == "/503" && second:
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"sorry": true}`)
		case path == "/gone" && second:
			panic(http.ErrAbortHandler)
		case path == "/long" && second:
			_, _ = io.WriteString(w, `{"items": ["`+strings.Repeat("x", 500)+`"]}`)
		case path == "/elsewhere":
			w.Header().Set("Link", "<"+r.URL.Query().Get("to")+">; rel=next")
			_, _ = io.WriteString(w, `{"items": [1]}`)
		case path == "/circle":
			w.Header().Set("Link", `</circle>; rel=next`)
			_, _ = io.WriteString(w, `{"items": [1], "next": "same"}`)
		default:
			_, _ = io.WriteString(w, `{"items": [1], "next": "n"}`)
		}
	})
	d := newCaller(t, local)
	const cursor = `"type": "cursor", "items": "items", "cursor_field": "next", "cursor_param": "c"`
	for _, c := range []struct {
		name, path, paginate, more string
		json                       string
		pages                      int
		kind                       executors.ErrorType
		text                       string // part of the text
		next                       string
	}{
		{name: "no array there", path: "/", paginate: `"type": "page", "items": "data"`, json: "[]", kind: executors.ExecutionError, text: `"items"`, next: "1"},
		{name: "not JSON", path: "/text", paginate: `"type": "page"`, json: "[]", kind: executors.ExecutionError, text: "hello", next: "1"},
		{name: "JSON that breaks off", path: "/broken", paginate: cursor, json: "[1]", pages: 1, kind: executors.ExecutionError, text: `{"items": `, next: "n"},
		{name: "a status", path: "/503", paginate: cursor, json: "[1]", pages: 1, kind: executors.ExecutionError, text: "sorry", next: "n"},
		{name: "no answer", path: "/gone", paginate: cursor, json: "[1]", pages: 1, kind: executors.NetworkError, next: "n"},
		{name: "over max_bytes at the first page", path: "/", paginate: cursor, more: `, "max_bytes": 5`, json: "[]", kind: executors.ExecutionError, text: `{"ite`},
		{name: "over max_bytes later", path: "/long", paginate: cursor, more: `, "max_bytes": 100`, json: "[1]", pages: 1, next: "n"},
		{name: "the same cursor again", path: "/circle", paginate: cursor, json: "[1,1]", pages: 2, kind: executors.ExecutionError},
		{name: "the same link again", path: "/circle", paginate: `"type": "link", "items": "items"`, json: "[1]", pages: 1, kind: executors.ExecutionError},
		{name: "a link to another host", path: "/elsewhere?to=" + other.URL, paginate: `"type": "link", "items": "items"`,
			json: "[1]", pages: 1, kind: executors.ExecutionError, text: "other", next: other.URL},
		{name: "a link to a closed address", path: "/elsewhere?to=http://10.0.0.1/", paginate: `"type": "link", "items": "items"`,
			json: "[1]", pages: 1, kind: executors.PermissionDenied},
		{name: "a link that is none", path: "/elsewhere?to=ftp://x", paginate: `"type": "link", "items": "items"`, json: "[1]", pages: 1, kind: executors.ExecutionError},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, failure := d.call(fmt.Sprintf(`{"url": %q, "headers": {"X-Secret": "s"}, "paginate": {%s}%s}`, server.URL+c.path, c.paginate, c.more))
			if (failure == nil) != (c.kind == "") || failure != nil && failure.Type != c.kind {
				t.Fatalf("failure = %+v; want %q", failure, c.kind)
			}
			if out == nil || string(out.JSON) != c.json || out.Pages != c.pages || out.Success != (c.kind == "") {
				t.Fatalf("output = %+v; want %s of %d pages", out, c.json, c.pages)
			}
			if (out.Text != nil) != (c.text != "") || out.Text != nil && !strings.Contains(*out.Text, c.text) {
				t.Errorf("text = %v; want %q", out.Text, c.text)
			}
			if c.next != "" && out.NextPage != c.next {
				t.Errorf("next_page = %q; want %q", out.NextPage, c.next)
			}
			if c.name == "a status" && (!failure.Retryable || failure.RetryAfter.Seconds() != 3) {
				t.Errorf("failure = %+v; want it retryable in 3 s", failure)
			}
		})
	}
}

// TestCursors covers what servers put into the field of the next page. Every page
// is read once, or the call fails; the items so far are kept.
func TestCursors(t *testing.T) {
	t.Parallel()
	d := newCaller(t, local)
	for _, c := range []struct {
		name, form, last, more string
		json                   string
		kind                   executors.ErrorType
		next, warning          string
	}{
		{name: "a URL", form: `"URL/v1/list?c=NEXT&kind=a%20b"`, last: "null", json: "[0,1,2]"},
		{name: "a path with a query", form: `"/v1/list?c=NEXT&kind=a%20b"`, last: "null", json: "[0,1,2]"},
		{name: "a query", form: `"?c=NEXT&kind=a%20b"`, last: "null", json: "[0,1,2]"},
		{name: "a relative address", form: `"list?page=NEXT&kind=a%20b"`, last: "null", json: "[0,1,2]"},
		{name: "a URL with a space", form: `"URL/v1/list?c=NEXT&kind=a%20b&x=New York ü"`, last: "null", json: "[0,1,2]"},
		{name: "a URL, two pages", form: `"URL/v1/list?c=NEXT&kind=a%20b"`, last: "null", more: `, "max_pages": 2`, json: "[0,1]", warning: "max_pages 2", next: "URL/v1/list?c=2&"},
		{name: "a URL as the start", form: `"URL/v1/list?c=NEXT&kind=a%20b"`, last: "null", more: `, "start": "URL/v1/list?c=1&kind=a%20b"`, json: "[1,2]"},
		{name: "text", form: `"NEXT"`, last: "null", json: "[0,1,2]"},
		{name: "a number", form: `NEXT`, last: `""`, json: "[0,1,2]"},
		{name: "false at the end", form: `"NEXT"`, last: "false", json: "[0,1,2]"},
		{name: "nothing at the end", form: `"NEXT"`, last: "", json: "[0,1,2]"},
		{name: "nothing at all", json: "[0]", warning: "misspelt"},

		{name: "a repeated cursor", form: `"NEXT"`, last: `"1"`, json: "[0,1,2]", kind: executors.ExecutionError},
		{name: "the same cursor", form: `"NEXT"`, last: `"2"`, json: "[0,1,2]", kind: executors.ExecutionError},
		{name: "the same cursor after an empty page", form: `"NEXT"`, last: `"2"`, json: "[0,1]"},
		{name: "a repeated URL", form: `"URL/v1/list?c=NEXT&kind=a%20b"`, last: `"URL/v1/list?c=1&kind=a%20b"`, json: "[0,1,2]", kind: executors.ExecutionError},
		{name: "the same URL", form: `"URL/v1/list?c=0&kind=a%20b"`, last: "null", json: "[0,0]", kind: executors.ExecutionError},
		{name: "an object", form: `{"after": NEXT}`, last: "null", json: "[0]", kind: executors.ExecutionError},
		{name: "an array", form: `[]`, last: "null", json: "[0]", kind: executors.ExecutionError},
		{name: "true", form: `true`, last: "null", json: "[0]", kind: executors.ExecutionError},
		{name: "a closed address", form: `"http://10.0.0.1/v1/list?c=NEXT"`, last: "null", json: "[0]", kind: executors.PermissionDenied},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var server *httptest.Server
			server = serve(t, func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				if q.Get("kind") != "a b" {
					w.WriteHeader(http.StatusBadRequest)
				}
				from, _ := strconv.Atoi(q.Get("c") + q.Get("page"))
				items, next := strconv.Itoa(from), c.form
				if from == 2 {
					next = c.last
				}
				if from == 2 && strings.Contains(c.name, "empty page") {
					items = ""
				}
				next = strings.NewReplacer("URL", server.URL, "NEXT", strconv.Itoa(from+1)).Replace(next)
				if next != "" {
					next = `, "next": ` + next
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = fmt.Fprintf(w, `{"items": [%s]%s}`, items, next)
			})
			out, failure := d.call(fmt.Sprintf(`{"url": %q, "paginate": {"type": "cursor", "items": "items", "cursor_field": "next", "cursor_param": "c"%s}}`,
				server.URL+"/v1/list?kind=a b", strings.ReplaceAll(c.more, "URL", server.URL)))
			if (failure == nil) != (c.kind == "") || failure != nil && failure.Type != c.kind {
				t.Fatalf("failure = %+v; want %q", failure, c.kind)
			}
			if out == nil || string(out.JSON) != c.json || out.Success != (c.kind == "") {
				t.Fatalf("output = %+v; want %s", out, c.json)
			}
			if next := strings.ReplaceAll(c.next, "URL", server.URL); !strings.HasPrefix(out.NextPage, next) || out.Truncated != (next != "") {
				t.Errorf("next_page %q, truncated %v; want %q", out.NextPage, out.Truncated, next)
			}
			if (out.Warning != "") != (c.warning != "") || !strings.Contains(out.Warning, c.warning) {
				t.Errorf("warning = %q; want %q", out.Warning, c.warning)
			}
		})
	}
}
