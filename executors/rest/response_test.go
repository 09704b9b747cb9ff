package rest

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors"
)

func TestBodiesAreDecodedByTheirType(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, contentType, body string
		json, text, file        string // the expected values; "-" in text: an empty text
		warning                 string
	}{
		{name: "json", contentType: "application/json", body: ` {"n": 12345678901234567890.123e5, "b": 1, "a": [ ] } `,
			json: `{"n":12345678901234567890.123e5,"b":1,"a":[]}`},
		{name: "a type of json", contentType: "application/problem+json; charset=utf-8", body: `"x<y"`, json: `"x<y"`},
		{name: "json with a byte order mark", contentType: "application/json", body: "\xef\xbb\xbf{}", json: `{}`},
		{name: "json in UTF-16", contentType: "application/json", body: "\xff\xfe[\x001\x00]\x00", json: `[1]`},
		{name: "json in latin-1", contentType: "application/json; charset=iso-8859-1", body: "\"\xe9\"", json: `"é"`},
		{name: "broken json", contentType: "application/json", body: `{"a": 1,}`, text: `{"a": 1,}`, warning: "not valid JSON"},
		{name: "json with a key twice", contentType: "application/json", body: `{"a": 1, "a": 2}`, text: `{"a": 1, "a": 2}`, warning: "a"},
		{name: "json nested too deep", contentType: "application/json", body: strings.Repeat("[", 100000), text: strings.Repeat("[", 100000), warning: "not valid JSON"},
		{name: "json with a huge exponent", contentType: "application/json", body: `1e100000000`, text: `1e100000000`, warning: "not valid JSON"},
		{name: "empty json", contentType: "application/json", body: ``},
		{name: "many lines of json", contentType: "application/x-ndjson", body: "{}\n{}\n", text: "{}\n{}\n"},
		{name: "text", contentType: "text/plain", body: "héllo \x01", text: "héllo \x01"},
		{name: "empty text", contentType: "text/plain", body: "", text: "-"},
		{name: "text in windows-1251", contentType: "text/html; charset=windows-1251", body: "\xcf\xf0\xe8\xe2\xe5\xf2", text: "Привет"},
		{name: "text in shift-jis", contentType: `text/plain; charset="Shift_JIS"`, body: "\x93\xfa\x96\x7b", text: "日本"},
		{name: "text that is not its charset", contentType: "text/plain; charset=utf-8", body: "a\xffb", text: "a\uFFFDb", warning: "not UTF-8"},
		{name: "text without a charset that is not UTF-8", contentType: "text/plain", body: "caf\xe9", text: "café", warning: "windows-1252"},
		{name: "text in an unknown charset", contentType: "text/plain; charset=klingon", body: "abc", text: "abc", warning: `"klingon" is not known`},
		{name: "bytes in an unknown charset", contentType: "text/plain; charset=klingon", body: "\xff\x00", file: "\xff\x00", warning: `"klingon"`},
		{name: "xml", contentType: "image/svg+xml", body: "<svg/>", text: "<svg/>"},
		{name: "an image", contentType: "image/png", body: "\x89PNG\x00", file: "\x89PNG\x00"},
		{name: "no type, json", contentType: "", body: `[1]`, json: `[1]`},
		{name: "no type, text", contentType: "", body: `hello`, text: `hello`},
		{name: "no type, bytes", contentType: "", body: "a\x00b", file: "a\x00b"},
		{name: "a type that can't be parsed", contentType: "application/json; =;", body: `{}`, json: `{}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = nil
				if c.contentType != "" {
					w.Header().Set("Content-Type", c.contentType)
				}
				_, _ = io.WriteString(w, c.body)
			})
			out := newCaller(t, local).get(server.URL)
			if string(out.JSON) != c.json {
				t.Errorf("json = %.200s; want %s", out.JSON, c.json)
			}
			switch {
			case c.text == "" && out.Text != nil:
				t.Errorf("text = %q; want none", *out.Text)
			case c.text != "" && (out.Text == nil || *out.Text != strings.TrimSuffix(c.text, "-")):
				t.Errorf("text = %v; want %q", out.Text, c.text)
			}
			if (out.File != nil) != (c.file != "") || out.File != nil && (string(out.File.ContentBase64) != c.file || out.File.Size != int64(len(c.file))) {
				t.Errorf("file = %+v; want %q", out.File, c.file)
			}
			if (out.Warning != "") != (c.warning != "") || !strings.Contains(out.Warning, c.warning) {
				t.Errorf("warning = %q; want %q", out.Warning, c.warning)
			}
			if !out.Success || out.StatusCode != 200 || out.Size != int64(len(c.body)) || out.Truncated || out.DurationMS <= 0 {
				t.Errorf("output = %+v", out)
			}
		})
	}
}

func TestNoBody(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Many", "a")
		w.Header().Add("X-Many", "b")
		w.Header().Add("Set-Cookie", "a=1, 2")
		w.Header().Add("Set-Cookie", "b=2")
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "1000")
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	d := newCaller(t, local)
	for method, status := range map[string]int{"HEAD": 200, "DELETE": 204} {
		out, failure := d.call(fmt.Sprintf(`{"url": %q, "method": %q}`, server.URL, method))
		if failure != nil || out.StatusCode != status || out.JSON != nil || out.Text != nil || out.File != nil || out.Size != 0 {
			t.Errorf("%s = %+v, %v", method, out, failure)
		}
		if out.Headers["x-many"] != "a, b" || out.Headers["set-cookie"] != "a=1, 2\nb=2" {
			t.Errorf("headers = %v", out.Headers)
		}
	}
}

func compressed(kind, text string) []byte {
	var out bytes.Buffer
	var w io.WriteCloser
	switch kind {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "zlib":
		w = zlib.NewWriter(&out)
	default:
		w, _ = flate.NewWriter(&out, flate.BestCompression)
	}
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return out.Bytes()
}

func TestCompressedBodies(t *testing.T) {
	t.Parallel()
	whole := string(compressed("gzip", `{"a":1}`))
	for _, c := range []struct {
		name, encoding, body string
		json, failure        string
		file                 bool
	}{
		{name: "gzip", encoding: "gzip", body: whole, json: `{"a":1}`},
		{name: "in capitals", encoding: "GZIP", body: whole, json: `{"a":1}`},
		{name: "deflate", encoding: "deflate", body: string(compressed("zlib", `[2]`)), json: `[2]`},
		{name: "bare deflate", encoding: "deflate", body: string(compressed("flate", `[3]`)), json: `[3]`},
		{name: "twice", encoding: "deflate, gzip", body: string(compressed("gzip", string(compressed("zlib", `[4]`)))), json: `[4]`},
		{name: "identity", encoding: "identity", body: `[5]`, json: `[5]`},
		{name: "empty", encoding: "gzip", body: ``},
		{name: "unknown", encoding: "br", body: "\x00\x01", file: true},
		{name: "over and over", encoding: "gzip, gzip, gzip, gzip", body: "x", file: true},
		{name: "not what it says", encoding: "gzip", body: `{"a":1}`, failure: "execution_error"},
		{name: "cut short by its author", encoding: "gzip", body: whole[:len(whole)-9], failure: "execution_error"},
		{name: "a wrong sum", encoding: "gzip", body: whole[:len(whole)-8] + "\x00\x00\x00\x00\x00\x00\x00\x00", failure: "execution_error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Content-Encoding", c.encoding)
				_, _ = io.WriteString(w, c.body)
			})
			out, failure := newCaller(t, local).call(fmt.Sprintf(`{"url": %q}`, server.URL))
			if c.failure != "" {
				if failure == nil || string(failure.Type) != c.failure || out == nil || out.StatusCode != 200 || out.Success {
					t.Errorf("failure = %+v, output %+v; want a kept output and %s", failure, out, c.failure)
				}
				return
			}
			if failure != nil || string(out.JSON) != c.json || (out.File != nil) != c.file || (out.Warning != "") != c.file {
				t.Errorf("output = %+v, %v; want %s", out, failure, c.json)
			}
		})
	}
}

func TestADecompressionBombIsCut(t *testing.T) {
	t.Parallel()
	member := compressed("gzip", string(make([]byte, 1<<20)))
	bomb := bytes.Repeat(member, 4096) // 4 GiB in 4 MiB
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(bomb)
	})
	out, failure := newCaller(t, local).call(fmt.Sprintf(`{"url": %q, "max_bytes": 100000}`, server.URL))
	if failure != nil || !out.Truncated || out.Size != 100000 || len(out.File.ContentBase64) != 100000 {
		t.Errorf("size %d, truncated %v, %v", out.Size, out.Truncated, failure)
	}
}

func TestLongBodiesAreCut(t *testing.T) {
	t.Parallel()
	stopped := make(chan struct{}, 10)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		defer func() { stopped <- struct{}{} }()
		w.Header()["Content-Type"] = r.URL.Query()["type"]
		unit := []byte(strings.Repeat(r.URL.Query().Get("unit"), 4096))
		for sent := 0; r.Context().Err() == nil; sent += len(unit) { // endless, but for the reader
			if _, err := w.Write(unit); err != nil {
				return
			}
		}
	})
	d := newCaller(t, local)
	for _, c := range []struct{ name, query, max string }{
		{"text", "type=text/plain&unit=a", `, "max_bytes": 1000`},
		{"json", "type=application/json&unit=[", `, "max_bytes": 1000`},
		{"text between characters", "type=text/plain%3Bcharset%3Dutf-8&unit=%E2%82%AC", `, "max_bytes": 1000`},
		{"no type, between characters", "unit=%E2%82%AC", `, "max_bytes": 1000`},
		{"no limit given", "type=text/plain&unit=a", ``},
		{"no limit given, all escaped", "type=text/plain&unit=%01", ``},
		{"no limit given, a file", "type=image/png&unit=a", ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, failure := d.call(fmt.Sprintf(`{"url": "%s/?%s"%s}`, server.URL, c.query, c.max))
			if failure != nil || !out.Success || !out.Truncated || out.Warning != "" || out.JSON != nil {
				t.Fatalf("output = %+v, %v", out, failure)
			}
			if c.max != "" && (out.Size != 1000 || len(*out.Text) < 998 || len(*out.Text) > 1000 || strings.Contains(*out.Text, "\uFFFD")) {
				t.Errorf("size %d, text of %d bytes", out.Size, len(*out.Text))
			}
			<-stopped // the connection was given up, not drained
		})
	}
}

func TestAHundredMegabytes(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", strconv.Itoa(100<<20))
		line := []byte(strings.Repeat("0123456789abcde\n", 4096))
		for range 100 << 20 / len(line) {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	})
	out := newCaller(t, local).get(server.URL)
	if !out.Truncated || out.Size != 10_000_000 || len(*out.Text) < 9_000_000 || out.Headers["content-length"] != "104857600" {
		t.Errorf("size %d, truncated %v, headers %v", out.Size, out.Truncated, out.Headers)
	}
}

func TestSlowAndBrokenBodiesKeepWhatCame(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "the beginning")
		_ = http.NewResponseController(w).Flush()
		if r.URL.Path == "/slow" {
			<-release
		}
		panic(http.ErrAbortHandler) // closes the connection
	})
	t.Cleanup(func() { close(release) })
	d := newCaller(t, local)
	d.timeout = 200 * time.Millisecond
	for path, kind := range map[string]executors.ErrorType{"/slow": executors.TimeoutError, "/cut": executors.NetworkError} {
		out, failure := d.call(fmt.Sprintf(`{"url": %q}`, server.URL+path))
		if failure == nil || failure.Type != kind || !failure.Retryable {
			t.Errorf("%s: failure = %+v; want %s, retryable", path, failure, kind)
		}
		if out == nil || out.Success || !out.Truncated || out.Text == nil || *out.Text != "the beginning" {
			t.Errorf("%s: output = %+v; want what had come", path, out)
		}
	}
}

func TestTooManyHeadersAreLeftOut(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 200 {
			w.Header().Set(fmt.Sprintf("X-%03d", i), strings.Repeat("v", 1000))
		}
	})
	out := newCaller(t, local).get(server.URL)
	if len(out.Headers) < 50 || len(out.Headers) > 70 || !strings.Contains(out.Warning, "headers are omitted") {
		t.Errorf("%d headers, warning %q", len(out.Headers), out.Warning)
	}
}
