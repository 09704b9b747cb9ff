package endtoend

import (
	"fmt"
	"go/ast"
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

// once is code that may exist in one package only, because each copy would
// escape or cut differently.
var once = []struct {
	what    string
	home    string   // the package that may have it
	instead string   // what to use everywhere else
	except  []string // files with a reason to be an exception
	found   func(ast.Node) bool
}{
	{
		what: "an encoder of JSON", home: "executors/plainjson", instead: "plainjson.Marshal, Append or Must",
		except: []string{
			"executors/policy/spelling.go",    // it looks for secrets in all spellings, that for HTML too
			"executors/executortest/vault.go", // it writes secrets in all spellings
		},
		found: func(n ast.Node) bool {
			return calls(n, "json", "Marshal") || calls(n, "json", "MarshalIndent") || calls(n, "json", "NewEncoder") || calls(n, "", "SetEscapeHTML")
		},
	},
	{
		what: "the mark of a text that is cut", home: "executors/shorten", instead: "a function of the package shorten",
		except: []string{
			"executors/policy/redact_find.go",   // it finds secrets that were cut
			"tools/tasktree/brief/signature.go", // it stands for members without a name
		},
		found: func(n ast.Node) bool {
			text, ok := n.(*ast.BasicLit)
			if !ok || text.Kind != token.STRING {
				return false
			}
			value, err := strconv.Unquote(text.Value)
			value = strings.TrimSpace(value)
			return err == nil && (value == "…" || value == "...")
		},
	},
}

// calls reports whether a node is the selector pkg.name, or any x.name if pkg
// is empty.
func calls(n ast.Node, pkg, name string) bool {
	selector, ok := n.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != name {
		return false
	}
	x, ok := selector.X.(*ast.Ident)
	return pkg == "" || ok && x.Name == pkg
}

// repeated returns the code of a file that belongs in another package.
func repeated(name string, source any) ([]string, error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, each := range once {
		if path.Dir(name) == each.home || slices.Contains(each.except, name) {
			continue
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if n != nil && each.found(n) {
				found = append(found, fmt.Sprintf("%s: %s stays in %s; use %s", files.Position(n.Pos()), each.what, each.home, each.instead))
			}
			return true
		})
	}
	return found, nil
}

func TestWrittenOnce(t *testing.T) {
	t.Parallel()
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		found, err := repeated(name, source)
		for _, each := range found {
			t.Error(each)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range once {
		for _, file := range append([]string{each.home}, each.except...) {
			if _, err := os.Stat(filepath.Join("..", "..", file)); err != nil {
				t.Errorf("%s: the exception for %s names what is not there", each.what, file)
			}
		}
	}
}

// TestWrittenOnceCanFail checks that the scan finds such code.
func TestWrittenOnceCanFail(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]int{
		`func f(v any) { json.Marshal(v) }`:                                 1,
		`func f(v any) { e := json.NewEncoder(w); e.SetEscapeHTML(false) }`: 2,
		`func f(s string) string { return s[:10] + "…" }`:                   1,
		`func f(s string) string { return s[:10] + "\n..." }`:               1,
		`func f(v any) { plainjson.Marshal(v); xml.Marshal(v) }`:            0,
		`const hint = "write {…}"`:                                          0,
	} {
		found, err := repeated("tools/example.go", "package tools\n"+source)
		if err != nil || len(found) != want {
			t.Errorf("%s: %d are found, want %d: %v, %v", source, len(found), want, found, err)
		}
	}
	if found, err := repeated("executors/plainjson/plainjson.go", "package plainjson\nvar f = json.Marshal"); err != nil || len(found) > 0 {
		t.Errorf("the package itself: %v, %v", found, err)
	}
}
