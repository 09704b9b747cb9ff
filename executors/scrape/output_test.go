package scrape

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
)

// TestOutputs covers endless and binary pages: the result is limited and is text,
// and the connection is closed.
func TestOutputs(t *testing.T) { // not parallel: it measures memory
	var sent atomic.Int64
	for name, c := range map[string]struct {
		kind, piece string
		format      string
		fails       bool
	}{
		"paragraphs":      {"text/html", "<p>more", "text", false},
		"elements":        {"text/html", "<div>", "markdown", false},
		"a tag":           {"text/html", "<a href=x", "text", false},
		"an attribute":    {"text/html", "<p title='x", "text", false},
		"a comment":       {"text/html", "<!-- more", "text", false},
		"links":           {"text/html", "<a href='/x'>x</a>", "markdown", false},
		"tables":          {"text/html", "<table><tr><td>", "markdown", false},
		"formatting":      {"text/html", "<b><i>x</b>", "markdown", false},
		"a script":        {"text/html", "<script>", "text", false},
		"bytes":           {"text/html", "\xff\x00\xfe", "markdown", false},
		"a word":          {"text/plain", "x", "text", false},
		"half characters": {"text/html; charset=utf-8", "€", "text", false},
		"an image":        {"image/png", "\x89PNG", "text", true},
		"no type":         {"", "\x00\x01\x02", "text", true},
	} {
		t.Run(name, func(t *testing.T) {
			sent.Store(0)
			stopped := make(chan struct{}, 1)
			address := handle(t, func(w http.ResponseWriter, _ *http.Request) {
				defer func() { stopped <- struct{}{} }()
				w.Header()["Content-Type"] = []string{c.kind}
				if c.kind == "" {
					w.Header()["Content-Type"] = nil
				}
				executortest.Pour(w, []byte(strings.Repeat(c.piece, 1000)), &sent)
			})
			var out *output
			var failed *executors.Error
			peak := executortest.Peak(func() { out, failed = read(t, local, address, `, "max_chars": 100000, "format": "`+c.format+`"`) })
			if (failed != nil) != c.fails || !c.fails && !out.Truncated {
				t.Errorf("%+v, %+v", out, failed)
			}
			if out != nil && (!utf8.ValidString(out.Content) || utf8.RuneCountInString(out.Content) > 100_001) {
				t.Errorf("%d bytes: %.100q", len(out.Content), out.Content)
			}
			<-stopped
			if peak > 512<<20 || sent.Load() > 32<<20 {
				t.Errorf("it took %d MiB of %d that were sent", peak>>20, sent.Load()>>20)
			}
		})
	}
}
