package jq

import (
	"encoding/json"
	"maps"
	"math"
	"math/big"
	"reflect"
	"strconv"
)

// sizer walks outputs, converts every number to a json.Number, and stops at
// the size limit. A program can build a value of few nodes that is
// astronomically large when it is encoded.
type sizer struct{ left, depth int }

// normal returns v with converted numbers and copies only what changes. It
// returns false if v is too large.
func (s *sizer) normal(v any) (any, bool) {
	switch v := v.(type) {
	case nil:
		return nil, s.take(4)
	case bool:
		return v, s.take(5)
	case string:
		return v, s.take(len(v) + 2)
	case json.Number:
		return v, s.take(len(v))
	case int:
		return s.number(strconv.Itoa(v))
	case float64:
		return s.float(v)
	case *big.Int:
		if !s.take(v.BitLen() / 4) {
			return nil, false
		}
		return json.Number(v.String()), true
	}
	if s.depth == 0 {
		return nil, false
	}
	s.depth--
	defer func() { s.depth++ }()
	switch v := v.(type) {
	case []any:
		return s.array(v)
	case map[string]any:
		return s.object(v)
	}
	return nil, false
}

func (s *sizer) take(n int) bool {
	s.left -= n
	return s.left >= 0
}

func (s *sizer) number(text string) (any, bool) {
	return json.Number(text), s.take(len(text))
}

// float returns a number as jq writes it: NaN is null, the infinities are the
// largest finite numbers.
func (s *sizer) float(f float64) (any, bool) {
	switch {
	case math.IsNaN(f):
		return nil, s.take(4)
	case math.IsInf(f, 0):
		f = math.Copysign(math.MaxFloat64, f)
	}
	if f == math.Trunc(f) && math.Abs(f) < 1e17 {
		return s.number(strconv.FormatFloat(f+0, 'f', -1, 64))
	}
	return s.number(strconv.FormatFloat(f, 'g', -1, 64))
}

func (s *sizer) array(in []any) (any, bool) {
	if !s.take(len(in) + 2) {
		return nil, false
	}
	out := in
	for i, old := range in {
		v, ok := s.normal(old)
		if !ok {
			return nil, false
		}
		if same(old, v) {
			continue
		}
		if &out[0] == &in[0] {
			out = append(make([]any, 0, len(in)), in...)
		}
		out[i] = v
	}
	return out, true
}

func (s *sizer) object(in map[string]any) (any, bool) {
	if !s.take(2) {
		return nil, false
	}
	out, copied := in, false
	for key, old := range in {
		v, ok := s.normal(old)
		if !ok || !s.take(len(key)+4) {
			return nil, false
		}
		if same(old, v) {
			continue
		}
		if !copied {
			out, copied = maps.Clone(in), true
		}
		out[key] = v
	}
	return out, true
}

// same reports whether normal returned old unchanged: an equal scalar, or the
// same container.
func same(old, v any) bool {
	switch old := old.(type) {
	case []any:
		v, ok := v.([]any)
		return ok && len(old) == len(v) && (len(old) == 0 || &old[0] == &v[0])
	case map[string]any:
		v, ok := v.(map[string]any)
		return ok && reflect.ValueOf(old).Pointer() == reflect.ValueOf(v).Pointer()
	case int, float64, *big.Int:
		return false
	}
	return true
}
