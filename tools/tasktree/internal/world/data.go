// Package world is a small world for tests, on which task trees are judged by
// their effects: an HTTP API, a mail server, a database, files and a model. What
// is in it is data: see testdata/world of the repository. It is not a stable API.
package world

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/encoding/htmlindex"

	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// Data is what a world has in the beginning. In all texts URL stands for the
// address of the API.
type Data struct {
	API   []Route         `yaml:"api"`
	Files map[string]Text `yaml:"files"`
	// SQL creates the tables of the database.
	SQL   string         `yaml:"sql"`
	Model []llmtest.Step `yaml:"model"`
}

// Route answers the requests that it matches. The first one that matches counts.
type Route struct {
	Method string `yaml:"method"` // empty: GET
	Path   string `yaml:"path"`
	// Query has the parameters that a request must have. Empty: it must not have
	// the parameter.
	Query map[string]string `yaml:"query"`
	// Replies are given one after the other. The last one is given from then on.
	Replies []Reply `yaml:"replies"`
}

// Reply is an answer of the API.
type Reply struct {
	Status int               `yaml:"status"` // 0: 200
	Header map[string]string `yaml:"header"` // without Content-Type: JSON
	Body   Text              `yaml:"body"`
	// Silent: nothing is answered until the client has gone.
	Silent bool `yaml:"silent"`
	// Done: a request that is not a GET had its effect, although the status says
	// that it failed.
	Done bool `yaml:"done"`
	// Asks: the request only asks, although it is not a GET.
	Asks bool `yaml:"asks"`
}

// Text is a text and how it is encoded: a string alone is UTF-8.
type Text struct {
	Text     string
	Encoding string
}

// UnmarshalYAML reads a string, or an object with text and encoding.
func (t *Text) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		return node.Decode(&t.Text)
	}
	type plain Text
	return node.Decode((*plain)(t))
}

func (t Text) bytes(tb testing.TB, url string) []byte {
	text := strings.ReplaceAll(t.Text, "URL", url)
	if t.Encoding == "" {
		return []byte(text)
	}
	encoding, err := htmlindex.Get(t.Encoding)
	if err != nil {
		tb.Errorf("the encoding %q: %v", t.Encoding, err)
		return nil
	}
	encoded, err := encoding.NewEncoder().String(text)
	if err != nil {
		tb.Errorf("%q in %s: %v", text, t.Encoding, err)
	}
	return []byte(encoded)
}

// Read reads a YAML file, and fails the test if it has an unknown key.
func Read(tb testing.TB, name string, into any) {
	tb.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
}
