package endtoend

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/chainwright/chainwright"

// layers are the folders from the top down: a package imports from its own
// layer and from those after it.
var layers = []string{"transport", "tools", "chain", "executors"}

// alone are the packages that import nothing else of this module.
var alone = []string{"executors/policy", "executors/strictjson"}

// TestImportsGoDownOnly reads the imports of every file, for every platform.
func TestImportsGoDownOnly(t *testing.T) {
	t.Parallel()
	files := 0
	err := fs.WalkDir(os.DirFS("../.."), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case !strings.HasSuffix(name, ".go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", name), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		files++
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if reason := forbidden(path.Dir(name), imported, strings.HasSuffix(name, "_test.go")); reason != "" {
				t.Errorf("%s imports %s: %s", name, imported, reason)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Fatalf("only %d files were read", files)
	}
}

// forbidden says why a package may not import another; "" where it may.
func forbidden(pkg, imported string, isTest bool) string {
	layer := layerOf(pkg)
	if strings.HasPrefix(imported, "github.com/mark3labs/mcp-go") && layer > layerOf("tools") && !under(pkg, "executors/mcp") {
		return "MCP stays in tools and transport"
	}
	if imported == "log/slog" && layer > layerOf("tools") && !under(pkg, "executors/mcp") { // there to make the library silent
		return "logs go through zerolog"
	}
	own, ours := strings.CutPrefix(imported, module+"/")
	if !ours {
		return ""
	}
	if layer >= 0 && layerOf(own) < layer {
		return "imports go down only: " + strings.Join(layers, " → ")
	}
	if isTest {
		return ""
	}
	for _, name := range alone {
		if pkg == name && !under(own, name) {
			return name + " imports nothing of ours"
		}
	}
	return ""
}

// layerOf is the place of a package in the layers, -1 outside of them.
func layerOf(pkg string) int {
	for i, layer := range layers {
		if under(pkg, layer) {
			return i
		}
	}
	return -1
}

func under(pkg, folder string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") }

// TestTheRuleCanFail holds the rule itself to cases that must not pass.
func TestTheRuleCanFail(t *testing.T) {
	t.Parallel()
	cases := []struct {
		pkg, imported string
		ok            bool
	}{
		{"transport/cli", module + "/executors", true},
		{"chain", module + "/executors/policy", true},
		{"chain", module + "/tools", false},
		{"executors/rest", module + "/chain", false},
		{"tools", module + "/transport/http", false},
		{"chain/store", "github.com/mark3labs/mcp-go/mcp", false},
		{"executors/mcp", "github.com/mark3labs/mcp-go/client", true},
		{"tools", "github.com/mark3labs/mcp-go/server", true},
		{"executors/policy", module + "/executors", false},
		{"executors/strictjson", module + "/executors/nearest", false},
		{"chain", "log/slog", false},
		{"transport/http", "log/slog", true},
		{".", module + "/transport/cli", true},
	}
	for _, c := range cases {
		if got := forbidden(c.pkg, c.imported, false); (got == "") != c.ok {
			t.Errorf("%s importing %s: %q", c.pkg, c.imported, got)
		}
	}
}
