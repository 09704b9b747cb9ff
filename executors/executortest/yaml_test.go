package executortest

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// cut returns the keys of flow maps that have no value: the rest of a text after
// a comma that is not quoted.
func cut(node *yaml.Node) (keys []*yaml.Node) {
	if node.Kind == yaml.MappingNode && node.Style&yaml.FlowStyle != 0 {
		for i := 0; i < len(node.Content); i += 2 {
			if value := node.Content[i+1]; value.Kind == yaml.ScalarNode && value.Tag == "!!null" && value.Value == "" {
				keys = append(keys, node.Content[i])
			}
		}
	}
	for _, each := range node.Content {
		keys = append(keys, cut(each)...)
	}
	return keys
}

var fenced = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")

// TestNoTextIsCut reads every YAML file of the repository, and the YAML in its
// documents, and looks for texts that end at a comma.
func TestNoTextIsCut(t *testing.T) {
	t.Parallel()
	if keys := cut(parse(t, "a: {description: One, two, title: Three}\nb:\nc: {d: null, e: \"One, two\"}")); len(keys) != 1 || keys[0].Value != "two" {
		t.Fatalf("found %d keys in a text with one", len(keys))
	}
	files := 0
	err := fs.WalkDir(os.DirFS("../.."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		var texts []string
		raw, err := os.ReadFile("../../" + name)
		switch path.Ext(name) {
		case ".yaml", ".yml":
			texts = []string{string(raw)}
		case ".md":
			for _, block := range fenced.FindAllStringSubmatchIndex(string(raw), -1) {
				before := strings.Count(string(raw[:block[2]]), "\n") // keep the line numbers
				texts = append(texts, strings.Repeat("\n", before)+string(raw[block[2]:block[3]]))
			}
		}
		if err != nil {
			return err
		}
		for _, text := range texts {
			files++
			for _, key := range cut(parse(t, text)) {
				t.Errorf("%s:%d: %q has no value; quote the text before it, which has a comma", name, key.Line, key.Value)
			}
		}
		return nil
	})
	if err != nil || files < 50 {
		t.Errorf("read %d texts: %v", files, err)
	}
}

// parse parses a text, or returns an empty node: some files are broken on
// purpose.
func parse(t *testing.T, text string) *yaml.Node {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(text), &node); err != nil {
		t.Logf("not YAML: %v", err)
	}
	return &node
}
