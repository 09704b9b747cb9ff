package executors

import (
	"reflect"
	"strings"
	"sync"
)

// Warner is an output with a warning that is in none of its fields. An empty
// warning is none.
type Warner interface{ Warned() string }

// warningOf returns what people must know about an output: what Warned says, or
// the field warning, a string, or warnings, strings, or that the field truncated
// is set.
func warningOf(output any) string {
	if warner, ok := output.(Warner); ok {
		return warner.Warned()
	}
	v := reflect.ValueOf(output)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return ""
	}
	var all []string
	for _, index := range warningFields(v.Type()) {
		switch f := v.Field(index).Interface().(type) {
		case string:
			if f != "" {
				all = append(all, f)
			}
		case []string:
			all = append(all, f...)
		case bool:
			if f && len(all) == 0 {
				all = append(all, "truncated: there is more than what is kept of it")
			}
		}
	}
	return strings.Join(all, "; ")
}

// knownFields has the indexes of the fields that warn by type, truncated last.
var knownFields sync.Map

func warningFields(t reflect.Type) []int {
	if known, ok := knownFields.Load(t); ok {
		return known.([]int)
	}
	var fields, truncated []int
	for i := range t.NumField() {
		switch name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name {
		case "warning", "warnings":
			fields = append(fields, i)
		case "truncated":
			truncated = append(truncated, i)
		}
	}
	fields = append(fields, truncated...)
	knownFields.Store(t, fields)
	return fields
}
