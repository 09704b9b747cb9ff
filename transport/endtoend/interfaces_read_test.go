package endtoend

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// schemaLines lists the fields of a JSON Schema: path, types and choices.
func schemaLines(schema map[string]any, indent string, arguments bool) []string {
	var lines []string
	var walk func(path string, schema map[string]any)
	walk = func(path string, schema map[string]any) {
		required, _ := schema["required"].([]any)
		properties, _ := schema["properties"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			property, _ := properties[name].(map[string]any)
			mark := ""
			if arguments && slices.Contains(required, any(name)) {
				mark = "*"
			}
			at := strings.TrimPrefix(path+"."+name, ".")
			lines = append(lines, indent+at+mark+" "+kindOf(property))
			walk(at, property)
		}
		if items, ok := schema["items"].(map[string]any); ok {
			walk(path+"[]", items)
		}
		if values, ok := schema["additionalProperties"].(map[string]any); ok {
			walk(path+".*", values)
		}
		for _, key := range []string{"anyOf", "oneOf", "allOf"} {
			branches, _ := schema[key].([]any)
			for _, branch := range branches {
				if branch, ok := branch.(map[string]any); ok {
					walk(path, branch)
				}
			}
		}
	}
	walk("", schema)
	return slices.Compact(lines)
}

// kindOf returns the types of a schema's values, with their choices.
func kindOf(schema map[string]any) string {
	var kinds []string
	switch kind := schema["type"].(type) {
	case string:
		kinds = []string{kind}
	case []any:
		for _, each := range kind {
			kinds = append(kinds, fmt.Sprint(each))
		}
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		branches, _ := schema[key].([]any)
		for _, branch := range branches {
			if branch, ok := branch.(map[string]any); ok {
				kinds = append(kinds, kindOf(branch))
			}
		}
	}
	slices.Sort(kinds)
	text := strings.Join(slices.Compact(kinds), "|")
	if choices, ok := schema["enum"].([]any); ok {
		var names []string
		for _, choice := range choices {
			names = append(names, fmt.Sprint(choice))
		}
		text += " (" + strings.Join(names, ", ") + ")"
	}
	if text == "" {
		return "any"
	}
	return text
}

// fieldsOf lists the fields of a Go type by their names in JSON or YAML.
func fieldsOf(t reflect.Type, path string) (lines []string) {
	for field := range t.Fields() {
		tag, ok := field.Tag.Lookup("json")
		if !ok {
			tag = field.Tag.Get("yaml")
		}
		name, _, _ := strings.Cut(tag, ",")
		if name == "-" || !field.IsExported() {
			continue
		}
		if name == "" {
			lines = append(lines, fieldsOf(field.Type, path)...)
			continue
		}
		kind, inner, suffix := shapeOf(field.Type)
		lines = append(lines, path+name+" "+kind)
		if inner != nil {
			lines = append(lines, fieldsOf(inner, path+name+suffix+".")...)
		}
	}
	return lines
}

// shapeOf returns the kind of a type for readers. For a type with fields it
// also returns the type that has them and the path to it.
func shapeOf(t reflect.Type) (kind string, inner reflect.Type, suffix string) {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "time", nil, ""
	case t == reflect.TypeFor[time.Duration]():
		return "duration", nil, ""
	case t == reflect.TypeFor[json.RawMessage]():
		return "any", nil, ""
	}
	switch t.Kind() {
	case reflect.Pointer:
		return shapeOf(t.Elem())
	case reflect.Struct:
		return "object", t, ""
	case reflect.Slice:
		kind, inner, suffix = shapeOf(t.Elem())
		return "array of " + kind, inner, "[]" + suffix
	case reflect.Map:
		kind, inner, suffix = shapeOf(t.Elem())
		return "object of " + kind, inner, ".*" + suffix
	case reflect.String:
		return "string", nil, ""
	case reflect.Bool:
		return "boolean", nil, ""
	case reflect.Interface:
		return "any", nil, ""
	default:
		return "number", nil, ""
	}
}

// seenFields lists the fields of a decoded JSON value, without what is below an
// opaque path.
func seenFields(value any, path string, opaque []string, seen map[string]map[string]bool) {
	note := func(kind string) {
		if seen[path] == nil {
			seen[path] = map[string]bool{}
		}
		seen[path][kind] = true
	}
	if slices.Contains(opaque, path) {
		note("any")
		return
	}
	switch value := value.(type) {
	case map[string]any:
		note("object")
		for key, inner := range value {
			seenFields(inner, strings.TrimPrefix(path+"."+key, "."), opaque, seen)
		}
	case []any:
		note("array")
		for _, inner := range value {
			seenFields(inner, path+"[]", opaque, seen)
		}
	case string:
		note("string")
	case bool:
		note("boolean")
	case float64:
		note("number")
	case nil:
		note("null")
	}
}

// constants lists the values of the constants below a folder whose type and
// name match; the type of an untyped one is "".
func constants(t *testing.T, below, ofType, ofName string) []string {
	t.Helper()
	kinds, names := regexp.MustCompile(ofType), regexp.MustCompile(ofName)
	values := map[string]bool{}
	eachFile(t, below, func(file *ast.File) {
		for _, declaration := range file.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				spec, ok := spec.(*ast.ValueSpec)
				if !ok {
					continue
				}
				kind := ""
				if named, ok := spec.Type.(*ast.Ident); ok {
					kind = named.Name
				}
				for i, name := range spec.Names {
					if i >= len(spec.Values) || !kinds.MatchString(kind) || !names.MatchString(name.Name) {
						continue
					}
					if text, ok := literal(spec.Values[i]); ok {
						values[text] = true
					}
				}
			}
		}
	})
	return slices.Sorted(maps.Keys(values))
}

// literals lists the string literals of the module that match.
func literals(t *testing.T, pattern *regexp.Regexp) []string {
	t.Helper()
	values := map[string]bool{}
	eachFile(t, ".", func(file *ast.File) {
		ast.Inspect(file, func(node ast.Node) bool {
			if expression, ok := node.(ast.Expr); ok {
				if text, ok := literal(expression); ok && pattern.MatchString(text) {
					values[text] = true
				}
			}
			return true
		})
	})
	return slices.Sorted(maps.Keys(values))
}

// codesGiven lists the error codes that executors return as literals, without a
// constant.
func codesGiven(t *testing.T) []string {
	t.Helper()
	codes := map[string]bool{}
	eachFile(t, "executors", func(file *ast.File) {
		ast.Inspect(file, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			if method, ok := call.Fun.(*ast.SelectorExpr); ok && method.Sel.Name == "WithCode" {
				if text, ok := literal(call.Args[0]); ok {
					codes[text] = true
				}
			}
			return true
		})
	})
	return slices.Sorted(maps.Keys(codes))
}

func literal(expression ast.Expr) (string, bool) {
	basic, ok := expression.(*ast.BasicLit)
	switch {
	case !ok:
		return "", false
	case basic.Kind == token.INT:
		return basic.Value, true
	}
	text, err := strconv.Unquote(basic.Value)
	return text, err == nil
}

// eachFile parses the files below a folder of the module, without tests.
func eachFile(t *testing.T, below string, visit func(*ast.File)) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join("..", "..", below), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if name := entry.Name(); name != ".." && strings.HasPrefix(name, ".") || name == "testdata" || strings.HasSuffix(name, "test") {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		if err == nil {
			visit(file)
		}
		return err
	})
	require.NoError(t, err)
}

// reread decodes the JSON of a value.
func reread(t *testing.T, value, into any) {
	t.Helper()
	raw, err := json.Marshal(value)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, into))
}
