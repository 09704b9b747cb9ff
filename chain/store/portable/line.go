package portable

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// left are the fields that belong to a process, or follow from others.
var left = []string{"Owner", "OwnerSince", "OwnerSeen", "OwnerPID", "OwnerHost", "Epoch", "Crashes", "Wake", "Size", "After"}

const encoded = "_base64"

// appendFields appends the fields of a struct as a JSON object, without empty ones.
func appendFields(to []byte, v reflect.Value) ([]byte, error) {
	to = append(to, '{')
	first := true
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		if slices.Contains(left, field.Name) || value.IsZero() || value.Kind() == reflect.Slice && value.Len() == 0 {
			continue
		}
		if !first {
			to = append(to, ',')
		}
		first = false
		name := snake(field.Name)
		raw, isBytes := value.Interface().([]byte)
		switch {
		case isBytes && compact(raw):
			to = append(append(to, `"`+name+`":`...), raw...)
		case isBytes:
			to = append(to, `"`+name+encoded+`":"`...)
			to = append(base64.StdEncoding.AppendEncode(to, raw), '"')
		case field.Type == reflect.TypeFor[*store.Transition]():
			var err error
			if to, err = appendFields(append(to, `"`+name+`":`...), value.Elem()); err != nil {
				return nil, err
			}
		default:
			text, err := plainjson.Marshal(value.Interface())
			if err != nil {
				return nil, fmt.Errorf("writing %s: %w", name, err)
			}
			to = append(append(to, `"`+name+`":`...), text...)
		}
	}
	return append(to, '}'), nil
}

// compact reports whether a text is JSON that is read back as it is.
func compact(raw []byte) bool {
	if !utf8.Valid(raw) {
		return false
	}
	var b bytes.Buffer
	return json.Compact(&b, raw) == nil && bytes.Equal(b.Bytes(), raw)
}

// readFields reads what appendFields wrote.
func readFields(raw []byte, v reflect.Value) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return err
	}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if slices.Contains(left, field.Name) {
			continue
		}
		name := snake(field.Name)
		if text, is := members[name+encoded]; is && field.Type == reflect.TypeFor[[]byte]() {
			delete(members, name+encoded)
			if err := json.Unmarshal(text, v.Field(i).Addr().Interface()); err != nil {
				return fmt.Errorf("%s%s: %w", name, encoded, err)
			}
			continue
		}
		text, is := members[name]
		if !is {
			continue
		}
		delete(members, name)
		var err error
		switch {
		case field.Type == reflect.TypeFor[[]byte]():
			v.Field(i).SetBytes(text)
		case field.Type == reflect.TypeFor[*store.Transition]():
			t := &store.Transition{}
			err = readFields(text, reflect.ValueOf(t).Elem())
			t.Size = len(t.Result)
			v.Field(i).Set(reflect.ValueOf(t))
		default:
			err = json.Unmarshal(text, v.Field(i).Addr().Interface())
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for name := range members {
		return fmt.Errorf("unknown field %q: the file is of a newer program, which can read it", name)
	}
	return nil
}

// snake returns the name of a field in small letters: UserID is user_id.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// member returns the name and the value of the only member of a line.
func member(line []byte) (name string, value json.RawMessage, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(line, &members); err != nil {
		return "", nil, err
	}
	if len(members) != 1 {
		return "", nil, errors.New("it must be an object with one member: run, transition or end")
	}
	for name, value = range members {
	}
	return name, value, nil
}

// readRun reads a run, and checks what the import relies on.
func readRun(raw json.RawMessage) (*store.Run, error) {
	run := &store.Run{}
	if err := readFields(raw, reflect.ValueOf(run).Elem()); err != nil {
		return nil, fmt.Errorf("run: %w", err)
	}
	switch {
	case run.ID == "":
		return nil, errors.New("run: it has no id")
	case run.Kind != store.KindTree && run.Kind != store.KindCall:
		return nil, fmt.Errorf("run: kind %q must be %q or %q", run.Kind, store.KindTree, store.KindCall)
	case run.Status == "":
		return nil, errors.New("run: it has no status")
	}
	run.FillCall()
	return run, nil
}

func readTransition(raw json.RawMessage) (*store.Transition, error) {
	t := &store.Transition{}
	if err := readFields(raw, reflect.ValueOf(t).Elem()); err != nil {
		return nil, fmt.Errorf("transition: %w", err)
	}
	if t.State == "" || t.Seq < 1 {
		return nil, errors.New("transition: it has no state, or no seq")
	}
	t.Size = len(t.Result)
	return t, nil
}
