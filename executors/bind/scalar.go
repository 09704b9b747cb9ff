package bind

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"time"

	"github.com/chainwright/chainwright/executors/plainjson"
)

// Null leaves a scalar as it is, as encoding/json does.

func putAny(dst reflect.Value, value any) *Error {
	if value == nil {
		dst.SetZero()
		return nil
	}
	dst.Set(reflect.ValueOf(value))
	return nil
}

func putString(dst reflect.Value, value any) *Error {
	switch value := value.(type) {
	case string:
		dst.SetString(value)
	case nil:
	default:
		return mismatch(dst.Type(), value)
	}
	return nil
}

func putBool(dst reflect.Value, value any) *Error {
	switch value := value.(type) {
	case bool:
		dst.SetBool(value)
	case nil:
	default:
		return mismatch(dst.Type(), value)
	}
	return nil
}

func putNumber(dst reflect.Value, value any) *Error {
	text, ok := numeral(value)
	if !ok && value != nil {
		return mismatch(dst.Type(), value)
	}
	dst.SetString(text)
	return nil
}

func putInt(dst reflect.Value, value any) *Error {
	if value == nil {
		return nil
	}
	text, ok := numeral(value)
	if !ok {
		return mismatch(dst.Type(), value)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		var whole bool
		if n, whole = wholeNumber(text); !whole {
			return outOfRange(dst.Type(), text)
		}
	}
	if dst.OverflowInt(n) {
		return outOfRange(dst.Type(), text)
	}
	dst.SetInt(n)
	return nil
}

// wholeNumber reads a whole number that is not only digits: 3.0, 1e3.
func wholeNumber(text string) (int64, bool) {
	rat, ok := new(big.Rat).SetString(text)
	if !ok || !rat.IsInt() || !rat.Num().IsInt64() {
		return 0, false
	}
	return rat.Num().Int64(), true
}

func putUint(dst reflect.Value, value any) *Error {
	if value == nil {
		return nil
	}
	text, ok := numeral(value)
	if !ok {
		return mismatch(dst.Type(), value)
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		signed, whole := wholeNumber(text)
		if !whole || signed < 0 {
			return outOfRange(dst.Type(), text)
		}
		n = uint64(signed)
	}
	if dst.OverflowUint(n) {
		return outOfRange(dst.Type(), text)
	}
	dst.SetUint(n)
	return nil
}

func putFloat(dst reflect.Value, value any) *Error {
	if value == nil {
		return nil
	}
	text, ok := numeral(value)
	if !ok {
		return mismatch(dst.Type(), value)
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || dst.OverflowFloat(n) {
		return outOfRange(dst.Type(), text)
	}
	dst.SetFloat(n)
	return nil
}

// putSeconds reads a number of seconds, the unit of all times in inputs.
func putSeconds(dst reflect.Value, value any) *Error {
	if value == nil {
		return nil
	}
	text, ok := numeral(value)
	if !ok {
		return mismatch(dst.Type(), value)
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.Abs(n) > math.MaxInt64/float64(time.Second) {
		return outOfRange(dst.Type(), text)
	}
	dst.SetInt(int64(n * float64(time.Second)))
	return nil
}

func putBytes(dst reflect.Value, value any) *Error {
	switch value := value.(type) {
	case nil:
		dst.SetZero()
	case string:
		raw, wrong := decodeBase64(value)
		if wrong != nil {
			return wrong
		}
		dst.SetBytes(raw)
	default:
		return mismatch(dst.Type(), value)
	}
	return nil
}

// putTexts and putTextMap do without reflection what slice and mapping do:
// their types are the most common ones.
func putTexts(dst reflect.Value, value any) *Error {
	list, ok := value.([]any)
	switch {
	case value == nil:
		dst.SetZero()
		return nil
	case !ok:
		return mismatch(dst.Type(), value)
	}
	texts := make([]string, len(list))
	for i, element := range list {
		text, ok := element.(string)
		if !ok && element != nil {
			return mismatch(dst.Type().Elem(), element).under("[" + strconv.Itoa(i) + "]")
		}
		texts[i] = text
	}
	dst.Set(reflect.ValueOf(texts))
	return nil
}

func putTextMap(dst reflect.Value, value any) *Error {
	object, ok := value.(map[string]any)
	switch {
	case value == nil:
		dst.SetZero()
		return nil
	case !ok:
		return mismatch(dst.Type(), value)
	}
	texts := make(map[string]string, len(object))
	for key, element := range object {
		text, ok := element.(string)
		if !ok && element != nil {
			return mismatch(dst.Type().Elem(), element).under(key)
		}
		texts[key] = text
	}
	dst.Set(reflect.ValueOf(texts))
	return nil
}

// putJSON is for types that implement json.Unmarshaler.
func putJSON(dst reflect.Value, value any) *Error {
	raw, err := plainjson.Marshal(value)
	if err == nil {
		err = dst.Addr().Interface().(json.Unmarshaler).UnmarshalJSON(raw)
	}
	if err != nil {
		return &Error{Message: err.Error()}
	}
	return nil
}

// putText is for types that implement encoding.TextUnmarshaler.
func putText(dst reflect.Value, value any) *Error {
	switch value := value.(type) {
	case nil:
	case string:
		if err := dst.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(value)); err != nil {
			return &Error{Message: err.Error()}
		}
	default:
		return mismatch(dst.Type(), value)
	}
	return nil
}

// numeral returns the text of a number; false if v is not a number.
func numeral(v any) (string, bool) {
	switch v := v.(type) {
	case json.Number:
		return string(v), true
	case float64, float32, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return fmt.Sprint(v), true
	}
	return "", false
}

func outOfRange(t reflect.Type, text string) *Error {
	return &Error{Message: fmt.Sprintf("is %s, which is out of the range of %s", text, t)}
}
