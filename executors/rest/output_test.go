package rest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
)

// zeros returns n zero bytes, compressed in several layers.
func zeros(n, layers int) []byte {
	content := make([]byte, n)
	for range layers {
		var out bytes.Buffer
		w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
		_, _ = w.Write(content)
		_ = w.Close()
		content = out.Bytes()
	}
	return content
}

// A bomb expands to twice what a call that reads 100 KB of it may allocate.
const bomb, mostSpent = 16 << 20, 8 << 20

// TestBombs checks that bodies which expand a lot, or expand to nothing, use
// limited memory and time, in every encoding.
func TestBombs(t *testing.T) { // not parallel: it measures memory
	empty := compressed("gzip", "") // a member that holds nothing
	hollow := bytes.Repeat(empty, 2<<20/len(empty))
	for name, c := range map[string]struct {
		encoding string
		body     []byte
		repeat   bool // without end
		fails    bool
	}{
		"gzip":                  {"gzip", zeros(bomb, 1), false, false},
		"gzip twice":            {"gzip, gzip", zeros(bomb, 2), false, false},
		"gzip three times":      {"gzip, gzip, gzip", zeros(bomb, 3), false, false},
		"deflate":               {"deflate", compressed("zlib", strings.Repeat("\x00", bomb)), false, false},
		"bare deflate":          {"deflate", compressed("flate", strings.Repeat("\x00", bomb)), false, false},
		"both":                  {"deflate, gzip", compressed("gzip", string(compressed("zlib", strings.Repeat("\x00", bomb)))), false, false},
		"nothing, without end":  {"gzip", hollow, true, true},
		"nothing, compressed":   {"gzip, gzip", compressed("gzip", string(hollow)), true, true},
		"nothing, three layers": {"gzip, gzip, gzip", compressed("gzip", string(compressed("gzip", string(hollow)))), true, true},
		"unknown, without end":  {"br", make([]byte, 1<<20), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			stopped := make(chan struct{}, 1)
			server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				defer func() { stopped <- struct{}{} }()
				w.Header().Set("Content-Encoding", c.encoding)
				w.Header().Set("Content-Type", "application/octet-stream")
				_, err := w.Write(c.body)
				for c.repeat && err == nil {
					_, err = w.Write(c.body)
				}
			})
			d := newCaller(t, local)
			var out *output
			var failure *executors.Error
			var spent uint64
			executortest.Ends(t, "a call whose answer is a bomb", func() {
				spent = executortest.Spent(func() { out, failure = d.call(fmt.Sprintf(`{"url": %q, "max_bytes": 100000}`, server.URL)) })
			})
			if (failure != nil) != c.fails || out == nil || out.Size > 100_000 || !out.Truncated {
				t.Errorf("%+v", failure)
			}
			if spent > mostSpent {
				t.Errorf("it took %d MiB", spent>>20)
			}
			<-stopped
		})
	}
	// The bound can fail: a call that may read most of a bomb is over it.
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(zeros(bomb, 1))
	})
	d := newCaller(t, local)
	if spent := executortest.Spent(func() { _, _ = d.call(fmt.Sprintf(`{"url": %q, "max_bytes": 10000000}`, server.URL)) }); spent <= mostSpent {
		t.Errorf("a hundred times as much took %d MiB only", spent>>20)
	}
}

// TestEndlessResponses checks that bodies and headers without end are aborted.
func TestEndlessResponses(t *testing.T) { // not parallel: it measures memory
	var sent atomic.Int64
	for name, c := range map[string]struct {
		handler func(http.ResponseWriter, *http.Request)
		fails   bool
	}{
		"chunks": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			executortest.Pour(w, make([]byte, 64<<10), &sent)
		}, false},
		"small chunks": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_ = http.NewResponseController(w).Flush()
			executortest.Pour(flushing{w, http.NewResponseController(w)}, []byte("ten bytes\n"), &sent)
		}, false},
		"headers": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			executortest.Pour(conn, []byte("X-More: "+strings.Repeat("x", 1000)+"\r\n"), &sent)
		}, true},
		"answers before the answer": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			executortest.Pour(conn, []byte("HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"), &sent)
		}, true},
		"trailers": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
			executortest.Pour(conn, []byte("X-More: "+strings.Repeat("x", 1000)+"\r\n"), &sent)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			sent.Store(0)
			stopped := make(chan struct{}, 1)
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				defer func() { stopped <- struct{}{} }()
				c.handler(w, r)
			})
			d := newCaller(t, local)
			var failure *executors.Error
			spent := executortest.Spent(func() { _, failure = d.call(fmt.Sprintf(`{"url": %q, "max_bytes": 100000}`, server.URL)) })
			if (failure != nil) != c.fails {
				t.Errorf("%+v", failure)
			}
			<-stopped
			if spent > 64<<20 || sent.Load() > 32<<20 {
				t.Errorf("it took %d MiB of %d that were sent", spent>>20, sent.Load()>>20)
			}
		})
	}
}

// flushing flushes each write.
type flushing struct {
	io.Writer
	control *http.ResponseController
}

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err == nil {
		err = f.control.Flush()
	}
	return n, err
}

// TestAppendJSON compares AppendJSON with json.Marshal.
func TestAppendJSON(t *testing.T) {
	t.Parallel()
	text := "<a> \u2028"
	for _, out := range []*output{
		{},
		{Success: true, JSON: json.RawMessage(` {"a, b": [1, "<x> \" y"]} `)},
		{Success: true, StatusCode: 200, URL: "http://x/?a,b", Method: "GET", Headers: map[string]string{"a": "b, c"}, JSON: json.RawMessage("1"), Text: &text,
			File: &file{[]byte("x"), "y", 1}, Size: 7, Truncated: true, Warning: "w", Redirects: []string{"r"}, Pages: 2, NextPage: "n", DurationMS: 1.5},
	} {
		raw, err := out.AppendJSON([]byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		var want, got map[string]any
		expected, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(json.Unmarshal(expected, &want), json.Unmarshal(raw[1:], &got)); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s, want %s", raw, expected)
		}
	}
}
