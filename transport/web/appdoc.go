package web

import (
	"embed"
	"path"
	"regexp"
	"strings"
	"sync"
)

//go:embed app
var appFiles embed.FS

// appModules are the modules of the App in the order in which they are put
// together: those of the page that draw runs, and its own.
var appModules = [...]string{
	looksModule, "page/dom.js", "page/model.js", "page/form.js", "page/graph.js", "page/timeline.js", "page/table.js", "page/panel.js", "page/run.js",
	"app/host.js", "app/source.js", "app/draft.js", "app/main.js",
}

// AppDocument returns the App that draws runs in MCP clients: one HTML document
// without a reference to anything else. It is put together when it is first read.
var AppDocument = sync.OnceValue(makeAppDocument)

func makeAppDocument() string {
	var script strings.Builder
	script.WriteString("(() => {\n'use strict';\n")
	for _, name := range appModules {
		script.WriteString(withoutModule(readPart(name)))
	}
	script.WriteString("})();\n")
	style := themed(readPart("page/page.css")) + readPart("app/app.css")
	return strings.NewReplacer("/* style */", style, "/* script */", script.String()).Replace(readPart("app/app.html"))
}

// readPart reads a file of the page or of the App, which never fails. The looks of
// the states are put in.
func readPart(name string) string {
	if name == looksModule {
		return makeLooks()
	}
	files := pageFiles
	if path.Dir(name) == "app" {
		files = appFiles
	}
	text, _ := files.ReadFile(name)
	if name == "page/page.css" {
		return withLooks(string(text))
	}
	return string(text)
}

// withoutModule returns a module as a part of a script: its imports are in the
// same script.
func withoutModule(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "import ") {
			continue
		}
		b.WriteString(strings.TrimPrefix(line, "export "))
	}
	return b.String()
}

// themed returns the style of the page for a document whose host says whether it
// is dark: the colors for dark then follow an attribute.
func themed(css string) string {
	dark := regexp.MustCompile(`(?s)@media \(prefers-color-scheme: dark\) \{\s*:root (\{[^}]*\})\s*\}`)
	return dark.ReplaceAllString(css, `:root[data-theme="dark"] $1`)
}
