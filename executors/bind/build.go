package bind

import (
	"encoding"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// builder builds the setters of a type and of the types inside it.
type builder struct {
	started map[reflect.Type]*setter // types may lead back to themselves
}

var (
	numberType   = reflect.TypeFor[json.Number]()
	durationType = reflect.TypeFor[time.Duration]()
	bytesType    = reflect.TypeFor[[]byte]()
	textsType    = reflect.TypeFor[[]string]()
	textMapType  = reflect.TypeFor[map[string]string]()
	fromJSON     = reflect.TypeFor[json.Unmarshaler]()
	fromText     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func (b *builder) setter(t reflect.Type) (setter, error) {
	if known, ok := b.started[t]; ok {
		return func(dst reflect.Value, value any) *Error { return (*known)(dst, value) }, nil
	}
	holder := new(setter)
	b.started[t] = holder
	put, err := b.make(t)
	*holder = put
	return put, err
}

func (b *builder) make(t reflect.Type) (setter, error) {
	switch {
	case t == durationType:
		return putSeconds, nil
	case t == numberType:
		return putNumber, nil
	case t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(fromJSON):
		return putJSON, nil
	case t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(fromText):
		return putText, nil
	case t == bytesType:
		return putBytes, nil
	case t == textsType:
		return putTexts, nil
	case t == textMapType:
		return putTextMap, nil
	}
	switch t.Kind() {
	case reflect.String:
		return putString, nil
	case reflect.Bool:
		return putBool, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return putInt, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return putUint, nil
	case reflect.Float32, reflect.Float64:
		return putFloat, nil
	case reflect.Interface:
		if t.NumMethod() == 0 {
			return putAny, nil
		}
	case reflect.Pointer:
		return b.pointer(t)
	case reflect.Slice:
		return b.slice(t)
	case reflect.Map:
		return b.mapping(t)
	case reflect.Struct:
		return b.structure(t)
	}
	return nil, fmt.Errorf("no JSON value can be stored in %s", t)
}

func (b *builder) pointer(t reflect.Type) (setter, error) {
	put, err := b.setter(t.Elem())
	return func(dst reflect.Value, value any) *Error {
		if value == nil {
			dst.SetZero()
			return nil
		}
		target := reflect.New(t.Elem())
		dst.Set(target)
		return put(target.Elem(), value)
	}, err
}

func (b *builder) slice(t reflect.Type) (setter, error) {
	put, err := b.setter(t.Elem())
	same := t == reflect.TypeFor[[]any]()
	return func(dst reflect.Value, value any) *Error {
		if value == nil {
			dst.SetZero()
			return nil
		}
		list, ok := value.([]any)
		if !ok {
			return mismatch(t, value)
		}
		if same {
			dst.Set(reflect.ValueOf(list))
			return nil
		}
		made := reflect.MakeSlice(t, len(list), len(list))
		for i, element := range list {
			if wrong := put(made.Index(i), element); wrong != nil {
				return wrong.under("[" + strconv.Itoa(i) + "]")
			}
		}
		dst.Set(made)
		return nil
	}, err
}

func (b *builder) mapping(t reflect.Type) (setter, error) {
	if t.Key().Kind() != reflect.String {
		return nil, fmt.Errorf("no JSON value can be stored in %s: its keys are not strings", t)
	}
	put, err := b.setter(t.Elem())
	same := t == reflect.TypeFor[map[string]any]()
	return func(dst reflect.Value, value any) *Error {
		if value == nil {
			dst.SetZero()
			return nil
		}
		object, ok := value.(map[string]any)
		if !ok {
			return mismatch(t, value)
		}
		if same {
			dst.Set(reflect.ValueOf(object))
			return nil
		}
		made := reflect.MakeMapWithSize(t, len(object))
		for key, each := range object {
			element := reflect.New(t.Elem()).Elem()
			if wrong := put(element, each); wrong != nil {
				return wrong.under(key)
			}
			made.SetMapIndex(reflect.ValueOf(key).Convert(t.Key()), element)
		}
		dst.Set(made)
		return nil
	}, err
}

// field is a field of a struct, or of a struct embedded in it.
type field struct {
	name  string
	index []int
	put   setter
}

func (b *builder) structure(t reflect.Type) (setter, error) {
	fields, err := b.fields(t)
	if err != nil {
		return nil, err
	}
	return func(dst reflect.Value, value any) *Error {
		if value == nil {
			return nil
		}
		object, ok := value.(map[string]any)
		if !ok {
			return mismatch(t, value)
		}
		for i := range fields {
			each := &fields[i]
			found, ok := object[each.name]
			if !ok {
				continue
			}
			if wrong := each.put(each.in(dst), found); wrong != nil {
				return wrong.under(each.name)
			}
		}
		return nil
	}, nil
}

// in returns the field of a struct. It allocates embedded structs behind nil
// pointers.
func (f *field) in(dst reflect.Value) reflect.Value {
	if len(f.index) == 1 {
		return dst.Field(f.index[0])
	}
	for i, at := range f.index {
		if i > 0 && dst.Kind() == reflect.Pointer {
			if dst.IsNil() {
				dst.Set(reflect.New(dst.Type().Elem()))
			}
			dst = dst.Elem()
		}
		dst = dst.Field(at)
	}
	return dst
}

func (b *builder) fields(t reflect.Type) ([]field, error) {
	var list []field
	for _, each := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(each.Tag.Get("json"), ",")
		if !each.IsExported() || each.Tag.Get("json") == "-" || each.Anonymous && name == "" {
			continue
		}
		if name == "" {
			name = each.Name
		}
		put, err := b.setter(each.Type)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", t, each.Name, err)
		}
		list = append(list, field{name, each.Index, put})
	}
	return list, nil
}

func decodeBase64(text string) ([]byte, *Error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, &Error{Message: "is not valid base64"}
	}
	return raw, nil
}
