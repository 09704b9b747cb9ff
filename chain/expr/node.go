package expr

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// node is a part of a value that is evaluated.
type node interface {
	eval(ctx context.Context, env *Env) (any, *executors.Error)
	known() any
}

// object is an object of which some fields are nodes.
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
		each, err := env.part(ctx, f.value)
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

// array is an array of which some elements are nodes.
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
		each, err := env.part(ctx, s.value)
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

// text is a text with references or placeholders of secrets.
type text struct {
	pieces []part
	refs   []*expression // by piece; nil: not a reference
	data   bool          // placeholders of secrets have no meaning here
}

// maxText is the largest text with references, in bytes, after evaluation.
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
			if v == nil {
				return nil, t.refs[i].readNothing()
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

// write appends a value other than null to a text: a string unchanged, anything
// else as compact JSON.
func write(b *strings.Builder, v any) error {
	switch v := v.(type) {
	case string:
		b.WriteString(v)
	case json.Number:
		b.WriteString(string(v))
	case bool:
		fmt.Fprint(b, v)
	default:
		line, err := plainjson.Marshal(v)
		if err != nil {
			return err
		}
		b.Write(line)
	}
	return nil
}

// sealed is a reference in a template. Its value can't become a placeholder of a
// secret: only the author of the tree can write one.
type sealed struct{ *expression }

func (s sealed) eval(ctx context.Context, env *Env) (any, *executors.Error) {
	v, err := s.expression.eval(ctx, env)
	if err != nil {
		return nil, err
	}
	return seal(v), nil
}

func (e *expression) known() any { return executors.Unknown{} }

// under puts the field of an error below a step.
func under(step string, err *executors.Error) *executors.Error {
	moved := *err
	moved.Field = join(step, err.Field)
	return &moved
}
