package expr

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

// node is a part of a value that has something to evaluate in it.
type node interface {
	eval(ctx context.Context, env *Env) (any, *executors.Error)
	known() any
}

// object is an object with nodes among its fields.
type object struct {
	fixed  map[string]any
	fields []field
}

type field struct {
	key   string
	value node
}

func (o *object) eval(ctx context.Context, env *Env) (any, *executors.Error) {
	v := make(map[string]any, len(o.fixed)+len(o.fields))
	maps.Copy(v, o.fixed)
	for _, f := range o.fields {
		each, err := f.value.eval(ctx, env)
		if err != nil {
			return nil, under(keyStep(f.key), err)
		}
		v[f.key] = each
	}
	return v, nil
}

func (o *object) known() any {
	v := make(map[string]any, len(o.fixed)+len(o.fields))
	maps.Copy(v, o.fixed)
	for _, f := range o.fields {
		v[f.key] = f.value.known()
	}
	return v
}

// array is an array with nodes among its elements.
type array struct {
	fixed []any
	slots []slot
}

type slot struct {
	place int
	value node
}

func (a *array) eval(ctx context.Context, env *Env) (any, *executors.Error) {
	v := slices.Clone(a.fixed)
	for _, s := range a.slots {
		each, err := s.value.eval(ctx, env)
		if err != nil {
			return nil, under(placeStep(s.place), err)
		}
		v[s.place] = each
	}
	return v, nil
}

func (a *array) known() any {
	v := slices.Clone(a.fixed)
	for _, s := range a.slots {
		v[s.place] = s.value.known()
	}
	return v
}

// text is references, or placeholders of secrets, with text around them.
type text struct {
	pieces []part
	refs   []*expression // of the pieces, nil for all but references
	data   bool          // placeholders of secrets have no meaning here
}

// maxText bounds the text that references are put together to.
const maxText = 16 << 20

func (t *text) eval(ctx context.Context, env *Env) (any, *executors.Error) {
	var whole, stretch strings.Builder
	flush := func() {
		if t.data {
			whole.WriteString(stretch.String())
		} else {
			whole.WriteString(sealText(stretch.String()))
		}
		stretch.Reset()
	}
	for i, p := range t.pieces {
		switch p.kind {
		case plain:
			stretch.WriteString(p.text)
		case hidden:
			flush()
			whole.WriteString(p.text)
		case reference:
			v, err := t.refs[i].eval(ctx, env)
			if err != nil {
				return nil, err
			}
			if err := write(&stretch, v); err != nil {
				return nil, executors.Errorf(executors.ValidationError, "writing a value into the text: %w", err)
			}
		}
		if whole.Len()+stretch.Len() > maxText {
			return nil, executors.Errorf(executors.ValidationError, "the text is longer than %d bytes", maxText)
		}
	}
	flush()
	return whole.String(), nil
}

func (t *text) known() any { return executors.Unknown{Text: len(t.pieces) > 1} }

// write adds a value to a text: strings as they are, null as nothing, all
// else as compact JSON.
func write(b *strings.Builder, v any) error {
	switch v := v.(type) {
	case nil:
	case string:
		b.WriteString(v)
	case json.Number:
		b.WriteString(string(v))
	case bool:
		fmt.Fprint(b, v)
	default:
		var line strings.Builder
		enc := json.NewEncoder(&line)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			return err
		}
		b.WriteString(strings.TrimSuffix(line.String(), "\n"))
	}
	return nil
}

// sealed is a reference in a template. What it gives can't pass for the
// placeholder of a secret: only the tree's author can write one.
type sealed struct{ *expression }

func (s sealed) eval(ctx context.Context, env *Env) (any, *executors.Error) {
	v, err := s.expression.eval(ctx, env)
	if err != nil {
		return nil, err
	}
	return seal(v), nil
}

func (e *expression) known() any { return executors.Unknown{} }

// under puts a step before the field of an error.
func under(step string, err *executors.Error) *executors.Error {
	moved := *err
	moved.Field = join(step, err.Field)
	return &moved
}
