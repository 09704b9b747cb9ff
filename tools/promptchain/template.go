package promptchain

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/itchyny/gojq"

	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

// longest is how many bytes of a template a message shows.
const longest = 80

// rewriter replaces the templates of one step by references of a task tree:
// prev, input and steps.NAME.
type rewriter struct {
	prev  string            // expression of the last reply
	steps map[string]string // expressions of the earlier steps, by name
	// read are the names of the steps that were read. used means that there was
	// a template.
	read []string
	used bool
}

// value rewrites all strings in a value.
func (r *rewriter) value(v any) (any, error) {
	switch v := v.(type) {
	case string:
		return r.text(v)
	case []any:
		w := make([]any, len(v))
		for i, each := range v {
			var err error
			if w[i], err = r.value(each); err != nil {
				return nil, err
			}
		}
		return w, nil
	case map[string]any:
		w := make(map[string]any, len(v))
		for key, each := range v {
			var err error
			if w[key], err = r.value(each); err != nil {
				return nil, err
			}
		}
		return w, nil
	}
	return v, nil
}

func (r *rewriter) text(s string) (string, error) { return expr.Rewrite(s, r.expression) }

// prompt rewrites a text that must remain a text, also if it is a single
// reference to another type. A template that reads nothing, such as the reply of a
// step that was skipped, fails: the prompt would be another one.
func (r *rewriter) prompt(s string) (string, error) {
	return expr.Rewrite(s, func(written string) (string, error) {
		src, err := r.expression(written)
		if err != nil {
			return "", err
		}
		query, broken := gojq.Parse(src)
		if broken != nil {
			return src, nil // as above
		}
		written = shorten.Bytes(strings.TrimSpace(written), longest)
		nothing := plainjson.AppendString(nil, written+" reads nothing (null): the step was skipped, or has no such field. Write "+written+` // "" if nothing is meant`)
		return " (" + query.String() + ") | if type == \"string\" then . elif . == null then error(" + string(nothing) + ") else tojson end ", nil
	})
}

// expression rewrites one expression. An expression that does not parse is
// returned unchanged, so that the tree's validator reports it.
func (r *rewriter) expression(src string) (string, error) {
	r.used = true
	query, err := gojq.Parse(src)
	if err != nil {
		return src, nil
	}
	changed := false
	if err := terms(reflect.ValueOf(query), func(t *gojq.Term) error {
		with, err := r.source(t)
		if with == "" || err != nil {
			return err
		}
		inner, err := gojq.Parse(with)
		if err != nil {
			return fmt.Errorf("the expression %s: %w", with, err)
		}
		t.Type, t.Func, t.Query, changed = gojq.TermTypeQuery, nil, inner, true
		return nil
	}); err != nil || !changed {
		return src, err
	}
	return " " + query.String() + " ", nil
}

// source returns the expression that replaces a term, "" for a term that is
// kept.
func (r *rewriter) source(t *gojq.Term) (string, error) {
	if t.Type != gojq.TermTypeFunc || len(t.Func.Args) > 0 {
		return "", nil
	}
	switch t.Func.Name {
	case "prev":
		return r.prev, nil
	case "input":
		return "inputs.input", nil
	case "steps":
		name, ok := key(t.SuffixList)
		if !ok {
			return "", errors.New("steps needs the name of a step: ${{ steps.NAME }}")
		}
		source, ok := r.steps[name]
		if !ok {
			return "", fmt.Errorf("there is no earlier step %q", name)
		}
		t.SuffixList = t.SuffixList[1:]
		if !slices.Contains(r.read, name) {
			r.read = append(r.read, name)
		}
		return source, nil
	}
	return "", nil
}

// key returns the constant name that suffixes begin with: .name or ["name"].
func key(suffixes []*gojq.Suffix) (string, bool) {
	if len(suffixes) == 0 || suffixes[0].Index == nil {
		return "", false
	}
	x := suffixes[0].Index
	switch {
	case x.Name != "":
		return strings.TrimPrefix(x.Name, "."), true
	case x.Str != nil && len(x.Str.Queries) == 0:
		return x.Str.Str, true
	case x.Start != nil && !x.IsSlice && x.Start.Term != nil && x.Start.Term.Type == gojq.TermTypeString && len(x.Start.Term.Str.Queries) == 0:
		return x.Start.Term.Str.Str, true
	}
	return "", false
}

// terms visits every term inside a parsed expression, the innermost first.
func terms(v reflect.Value, visit func(*gojq.Term) error) error {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		if err := terms(v.Elem(), visit); err != nil {
			return err
		}
		if t, ok := v.Interface().(*gojq.Term); ok {
			return visit(t)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				if err := terms(v.Field(i), visit); err != nil {
					return err
				}
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := terms(v.Index(i), visit); err != nil {
				return err
			}
		}
	}
	return nil
}
