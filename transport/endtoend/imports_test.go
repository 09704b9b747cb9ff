package endtoend

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/chainwright/chainwright"

// layers are the folders from top to bottom: a package may import its own layer
// and those below it.
var layers = []string{"transport", "tools", "chain", "executors"}

// base are the packages that everything else uses. Each may import only those
// before it in this list.
var base = []string{"executors/plainjson", "executors/shorten", "executors/strictjson", "executors/policy"}

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

// forbidden returns why a package may not import another; "" if it may.
func forbidden(pkg, imported string, isTest bool) string {
	layer := layerOf(pkg)
	if under(imported, "github.com/mark3labs/mcp-go") && !under(pkg, "transport/mcp") && !under(pkg, "executors/mcp") {
		return "the MCP SDK stays in transport/mcp and executors/mcp"
	}
	if imported == "log/slog" && layer > layerOf("tools") && !under(pkg, "executors/mcp") { // to silence the library
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
	if pkg == "chain" && under(own, "chain") && own != "chain/expr" && own != "chain/cron" && own != "chain/internal/heap" {
		return "chain is types and the plan; what parses, runs and stores builds on it"
	}
	if own == "chain/engine" && pkg != "transport/app" && pkg != "tools/toolstest" && pkg != "chain/temporal" {
		return "everything but the constructor of the server, and an engine that uses the steps of this one, holds chain.Engine"
	}
	if i := slices.Index(base, pkg); i >= 0 && !under(own, pkg) && !slices.Contains(base[:i], own) {
		return pkg + " imports nothing of ours, except the base packages below it"
	}
	return ""
}

// layerOf returns the layer of a package, -1 outside of the layers.
func layerOf(pkg string) int {
	for i, layer := range layers {
		if under(pkg, layer) {
			return i
		}
	}
	return -1
}

func under(pkg, folder string) bool { return pkg == folder || strings.HasPrefix(pkg, folder+"/") }

// TestTheRuleCanFail checks the rule with imports that it must refuse.
func TestTheRuleCanFail(t *testing.T) {
	t.Parallel()
	cases := []struct {
		pkg, imported string
		ok            bool
	}{
		{"transport/cli", module + "/executors", true},
		{"chain", module + "/executors/policy", true},
		{"chain", module + "/tools", false},
		{"chain", module + "/chain/store", false},
		{"tools", module + "/chain/engine", false},
		{"transport/app", module + "/chain/engine", true},
		{"executors/rest", module + "/chain", false},
		{"tools", module + "/transport/http", false},
		{"chain/store", "github.com/mark3labs/mcp-go/mcp", false},
		{"executors/mcp", "github.com/mark3labs/mcp-go/client", true},
		{"tools", "github.com/mark3labs/mcp-go/server", false},
		{"transport/internal/http", "github.com/mark3labs/mcp-go/server", false},
		{"transport/endtoend", "github.com/mark3labs/mcp-go/client", false},
		{"transport/mcpx", "github.com/mark3labs/mcp-go/mcp", false},
		{"transport/mcp", "github.com/mark3labs/mcp-go/mcp", true},
		{"transport/mcp/client", "github.com/mark3labs/mcp-go/client", true},
		{"executors/policy", module + "/executors", false},
		{"executors/policy", module + "/executors/plainjson", true},
		{"executors/strictjson", module + "/executors/nearest", false},
		{"executors/strictjson", module + "/executors/policy", false},
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
