package web_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/transport/web"
)

// TestAppDocument holds what the App's document must be: one file that refers to
// nothing else, makes no markup or code of text, and has no network.
func TestAppDocument(t *testing.T) {
	t.Parallel()
	const most = 150 << 10
	text := web.AppDocument()
	if len(text) > most {
		t.Errorf("it has %d bytes; at most %d", len(text), most)
	}
	for _, once := range []string{"<script>", "</script>", "<style>", "</style>", "<!doctype html>", `:root[data-theme="dark"] {`, "async function drawRun(", "function drawDraft(", "\nstartApp();"} {
		if n := strings.Count(text, once); n != 1 {
			t.Errorf("%q is there %d times", once, n)
		}
	}
	for i, line := range strings.Split(text, "\n") {
		if found := unsafeText.FindString(harmless.Replace(line)); found != "" {
			t.Errorf("line %d has %s", i+1, found)
		}
		for _, wrong := range []*regexp.Regexp{
			regexp.MustCompile(`^(import|export) `), regexp.MustCompile(`\b(fetch|EventSource|XMLHttpRequest|WebSocket|sendBeacon|localStorage|sessionStorage|cookie)\b`),
			regexp.MustCompile(`<(link|img|iframe|script src|base|object|embed)\b`), regexp.MustCompile(`\burl\(|@import|@font-face`), regexp.MustCompile(`^/\* (style|script) \*/`),
			regexp.MustCompile(`@media \(prefers-color-scheme`), regexp.MustCompile(`<!--`),
		} {
			if found := wrong.FindString(line); found != "" {
				t.Errorf("line %d has %q: %s", i+1, found, line)
			}
		}
	}
	top := regexp.MustCompile(`(?m)^(?:async )?(?:const|let|var|function|class) (\w+)`)
	seen := map[string]bool{}
	for _, found := range top.FindAllStringSubmatch(text, -1) {
		if seen[found[1]] {
			t.Errorf("%s is there twice", found[1])
		}
		seen[found[1]] = true
	}
	if len(seen) < 50 {
		t.Errorf("only %d names were found", len(seen))
	}
}
