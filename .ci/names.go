//go:build ignore

// Names counts what other modules can import: the packages that are not
// internal, and their exported types, functions, methods, constants and
// variables. `go run .ci/names.go [FOLDER]` counts in a checkout.
package main

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	all, public, names, methods := 0, 0, 0, 0
	err := filepath.WalkDir(root, func(dir string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if base := entry.Name(); dir != root && strings.HasPrefix(base, ".") || base == "testdata" {
			return fs.SkipDir
		}
		found, err := build.Default.ImportDir(dir, 0)
		if err != nil {
			return nil
		}
		all++
		if found.Name == "main" || strings.Contains(filepath.ToSlash(dir)+"/", "/internal/") {
			return nil
		}
		public++
		for _, name := range found.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.FileExports(file)
			for _, declaration := range file.Decls {
				switch d := declaration.(type) {
				case *ast.FuncDecl:
					if d.Recv != nil {
						methods++
					} else {
						names++
					}
				case *ast.GenDecl:
					for _, spec := range d.Specs {
						switch s := spec.(type) {
						case *ast.TypeSpec:
							names++
						case *ast.ValueSpec:
							names += len(s.Names)
						}
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stdout, "%d packages with Go code, %d that other modules can import; %d exported names and %d exported methods in these\n", all, public, names, methods)
}
