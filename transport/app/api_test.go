package app_test

import (
	"bytes"
	"go/ast"
	"go/build"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
)

// root is the module's folder.
const root = "../.."

// everything is the text in docs/embedding.md for a package that is stable as a
// whole.
const everything = "everything"

// promise is the stable part of a package: everything, everything but some
// names, or only some names and the types they refer to.
type promise struct{ only, but []string }

// stable reads the table of stable packages in docs/embedding.md.
func stable(t *testing.T) map[string]promise {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", "embedding.md"))
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]promise{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(string(page), -1) {
		var names []string
		for _, name := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[2], -1) {
			names = append(names, name[1])
		}
		switch whole := strings.HasPrefix(row[2], everything); {
		case whole:
			list[row[1]] = promise{but: names}
		case names == nil:
			t.Fatalf("docs/embedding.md must say of %s either %q or the names that are stable", row[1], everything)
		default:
			list[row[1]] = promise{only: names}
		}
	}
	if len(list) < 5 {
		t.Fatalf("docs/embedding.md lists only %d stable packages", len(list))
	}
	return list
}

// TestGoldenAPI compares the exported names of the stable packages, with their
// signatures, with docs/stable-api.txt. A change there affects programs that
// embed this one: name it in CHANGELOG.md.
func TestGoldenAPI(t *testing.T) {
	t.Parallel()
	list := stable(t)
	var text bytes.Buffer
	for _, pkg := range slices.Sorted(maps.Keys(list)) {
		text.WriteString("# " + pkg + "\n\n")
		for _, declaration := range exported(t, pkg, list[pkg]) {
			text.WriteString(declaration + "\n")
		}
		text.WriteString("\n")
	}
	executortest.Golden(t, filepath.Join(root, "docs", "stable-api.txt"), text.Bytes())
}

// exported returns the stable exported declarations of a package.
func exported(t *testing.T, pkg string, stable promise) []string {
	t.Helper()
	context := build.Default
	context.GOOS, context.GOARCH, context.CgoEnabled = "linux", "amd64", false
	found, err := context.ImportDir(filepath.Join(root, filepath.FromSlash(pkg)), 0)
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	byName := map[string][]ast.Node{} // a type with its methods, a function, or a value
	for _, name := range found.GoFiles {
		file, err := parser.ParseFile(files, filepath.Join(found.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.FileExports(file)
		for _, declaration := range file.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				d.Body = nil
				if !slices.Contains(stable.but, d.Name.Name) {
					byName[owner(d)] = append(byName[owner(d)], d)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					for _, name := range specNames(spec) {
						byName[name] = append(byName[name], &ast.GenDecl{Tok: d.Tok, Specs: []ast.Spec{spec}})
					}
				}
			}
		}
	}
	names := stable.only
	if names == nil {
		names = slices.Collect(maps.Keys(byName))
	}
	seen := map[string]bool{}
	for _, name := range stable.but {
		seen[name] = true
	}
	var text []string
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		if byName[name] == nil {
			t.Errorf("%s has no %s", pkg, name)
		}
		for _, node := range byName[name] {
			var b bytes.Buffer
			if err := format.Node(&b, files, node); err != nil {
				t.Fatal(err)
			}
			text = append(text, b.String())
			ast.Inspect(node, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && byName[id.Name] != nil && ast.IsExported(id.Name) {
					names = append(names, id.Name)
				}
				_, qualified := n.(*ast.SelectorExpr) // a name of another package
				return !qualified
			})
		}
	}
	slices.Sort(text)
	return slices.Compact(text)
}

// owner returns the name under which a function is listed: its receiver's type,
// or its own name.
func owner(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	name := ""
	ast.Inspect(f.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return name == ""
	})
	return name
}

func specNames(spec ast.Spec) (names []string) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		names = append(names, s.Name.Name)
	case *ast.ValueSpec:
		for _, name := range s.Names {
			names = append(names, name.Name)
		}
	}
	return names
}

// unstable is the text in the first line of a package's comment if the package
// is not a stable API.
const unstable = "not a stable API."

// TestEveryPackageSaysWhetherItIsStable checks the comment of every package
// that another module can import.
func TestEveryPackageSaysWhetherItIsStable(t *testing.T) {
	t.Parallel()
	list := stable(t)
	packages := 0
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if base := path.Base(name); name != "." && strings.HasPrefix(base, ".") || base == "testdata" || base == "internal" {
			return fs.SkipDir
		}
		found, err := build.Default.ImportDir(filepath.Join(root, name), build.ImportComment)
		if err != nil || found.Name == "main" || len(found.GoFiles) == 0 {
			return nil //nolint:nilerr // a folder without Go, or with tests alone, can't be imported
		}
		packages++
		first := firstLine(t, found)
		_, listed := list[name]
		switch {
		case first == "":
			t.Errorf("%s has no comment", name)
		case listed && strings.Contains(first, unstable):
			t.Errorf("%s says that it is not stable, and docs/embedding.md that it is", name)
		case !listed && !strings.Contains(first, unstable):
			t.Errorf("%s: docs/embedding.md does not list it, so the first line of its comment must end with: It is %s", name, unstable)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if packages < 20 {
		t.Fatalf("only %d packages were read", packages)
	}
}

// firstLine returns the first line of a package's comment.
func firstLine(t *testing.T, pkg *build.Package) string {
	t.Helper()
	for _, name := range pkg.GoFiles {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(pkg.Dir, name), nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		if file.Doc != nil {
			line, _, _ := strings.Cut(file.Doc.Text(), "\n")
			return line
		}
	}
	return ""
}
