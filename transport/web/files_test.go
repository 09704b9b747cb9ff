package web_test

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// What could make markup, code or a request of text, or load something from
// elsewhere.
var unsafeText = regexp.MustCompile(`\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|srcdoc|eval|Function|setHTMLUnsafe|javascript:)\b|setAttribute\('(style|on)|\bimport\(|https?://`)

// allowed are addresses that are no requests.
var harmless = strings.NewReplacer("http://www.w3.org/2000/svg", "")

// TestModules holds what the page's files must not have: more than 150 KB, and
// whatever makes markup or code of text. The modules that draw a run ask the
// source for everything, so that other hosts can use them; names at the top of
// modules differ, so that they can be put into one script.
func TestModules(t *testing.T) {
	t.Parallel()
	const most = 150 << 10
	size := 0
	where := map[string]string{} // names at the top of a module
	top := regexp.MustCompile(`(?m)^(?:export )?(?:async )?(?:const|let|var|function|class) (?:\{[^}]*\}|(\w+)(?:(?:, \w+)| = [^,;\n]+,)?)`)
	err := fs.WalkDir(os.DirFS("page"), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path.Join("page", name))
		if err != nil {
			return err
		}
		size += len(text)
		for i, line := range strings.Split(string(text), "\n") {
			if found := unsafeText.FindString(harmless.Replace(line)); found != "" {
				t.Errorf("%s:%d has %s", name, i+1, found)
			}
		}
		if path.Ext(name) != ".js" {
			return nil
		}
		if name != "api.js" && regexp.MustCompile(`\b(fetch|EventSource|XMLHttpRequest|WebSocket|sendBeacon)\b`).Match(text) {
			t.Errorf("%s makes requests; only api.js does", name)
		}
		for _, found := range top.FindAllStringSubmatch(string(text), -1) {
			if other, twice := where[found[1]]; twice && found[1] != "" && drawsRuns[name] && drawsRuns[other] {
				t.Errorf("%s is in %s and in %s", found[1], other, name)
			}
			where[found[1]] = name
		}
		for _, from := range regexp.MustCompile(`from '\./(\w+\.js)'`).FindAllStringSubmatch(string(text), -1) {
			if drawsRuns[name] && !drawsRuns[from[1]] {
				t.Errorf("%s draws runs, and imports %s", name, from[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if size > most {
		t.Errorf("the page has %d bytes; at most %d", size, most)
	}
	for _, wrong := range []string{"el.innerHTML = x", "eval(x)", "new Function('x')", "el.setAttribute('style', x)", "import('x')", "fetch('https://x')", "location = 'javascript:x'"} {
		if !unsafeText.MatchString(wrong) {
			t.Errorf("%q is not found", wrong)
		}
	}
}

// drawsRuns are the modules that a run is drawn with.
var drawsRuns = map[string]bool{
	"looks.js": true, "dom.js": true, "model.js": true, "graph.js": true, "timeline.js": true, "table.js": true, "form.js": true, "panel.js": true, "run.js": true,
}
