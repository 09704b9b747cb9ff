// Package bind puts decoded JSON into Go values by their json tags, without
// writing and reading it as JSON again. It is for inputs that were validated
// before: its errors are about Go types that are too narrow for them.
package bind

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// Error says which part of a value does not go into which type.
type Error struct {
	Path    string // "data[3].name", empty for the value itself
	Message string
}

// Error is the path and the reason.
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return e.Path + " " + e.Message
}

// Into puts a value into what dst points to. Keys that a struct has no field
// for are left out, and fields that there is no key for keep what they hold.
func Into(dst any, value any) error {
	target := reflect.ValueOf(dst)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("bind: %T is no pointer to put a value into", dst)
	}
	put, err := setterOf(target.Type().Elem())
	if err != nil {
		return err
	}
	if wrong := put(target.Elem(), value); wrong != nil {
		return wrong
	}
	return nil
}

// Check reports whether values can be put into a type at all, so that authors
// hear of it when they start and not with the first call.
func Check(t reflect.Type) error {
	_, err := setterOf(t)
	return err
}

// setter puts a value into a Go value of the one type that it was made for.
type setter func(reflect.Value, any) *Error

var (
	setters  sync.Map // reflect.Type to setter
	building sync.Mutex
)

// setterOf gives the setter of a type, which is made once.
func setterOf(t reflect.Type) (setter, error) {
	if put, ok := setters.Load(t); ok {
		return put.(setter), nil
	}
	building.Lock()
	defer building.Unlock()
	b := builder{started: map[reflect.Type]*setter{}}
	put, err := b.setter(t)
	if err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	setters.Store(t, put)
	return put, nil
}

// under puts a step before the path of an error.
func (e *Error) under(step string) *Error {
	switch {
	case e == nil:
		return nil
	case e.Path == "" || e.Path[0] == '[':
		return &Error{step + e.Path, e.Message}
	}
	return &Error{step + "." + e.Path, e.Message}
}

func mismatch(t reflect.Type, value any) *Error {
	return &Error{Message: fmt.Sprintf("is %s, which does not go into %s", strictjson.Kind(value), t)}
}
