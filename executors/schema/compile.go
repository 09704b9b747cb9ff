package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	v5 "github.com/santhosh-tekuri/jsonschema/v5"
)

// CompileError says why a schema does not compile, and where in it.
type CompileError struct {
	Name string
	// Pointer leads to the place, as far as it is known.
	Pointer []string
	Message string

	cause error
}

// Error is the name, the place and the reason.
func (e *CompileError) Error() string {
	if len(e.Pointer) == 0 {
		return e.Name + ": " + e.Message
	}
	return fmt.Sprintf("%s: at /%s: %s", e.Name, strings.Join(e.Pointer, "/"), e.Message)
}

// Unwrap is the cause.
func (e *CompileError) Unwrap() error { return e.cause }

// address is the base of references inside a schema.
const address = "schema://local/schema.json"

var errRemote = errors.New("references to other documents are not followed")

// compile lets the library compile a schema. It panics on some schemas that it
// should refuse, which is an error here.
func compile(name string, raw json.RawMessage) (compiled *v5.Schema, err error) {
	defer func() {
		if trouble := recover(); trouble != nil {
			compiled, err = nil, &CompileError{Name: name, Message: fmt.Sprintf("does not compile: %v", trouble)}
		}
	}()
	compiler := v5.NewCompiler()
	compiler.Draft = v5.Draft2020
	compiler.AssertFormat = true
	compiler.LoadURL = func(string) (io.ReadCloser, error) { return nil, errRemote }
	if err := compiler.AddResource(address, bytes.NewReader(raw)); err != nil {
		return nil, compileError(name, err)
	}
	compiled, err = compiler.Compile(address)
	if err != nil {
		return nil, compileError(name, err)
	}
	return compiled, nil
}

// compileError takes the place and the reason out of the library's error.
func compileError(name string, err error) *CompileError {
	wrong := &CompileError{Name: name, cause: err}
	var invalid *v5.ValidationError
	var whole *v5.SchemaError
	switch {
	case errors.Is(err, errRemote):
		wrong.Message = errRemote.Error() + "; put what it names under $defs"
	case errors.As(err, &invalid):
		leaf := deepest(invalid)
		wrong.Pointer = tokens(leaf.InstanceLocation)
		wrong.Message = "is no valid JSON Schema here: " + leaf.Message
	case errors.As(err, &whole) && whole.Err != nil:
		wrong.Message = "is no valid JSON Schema: " + strings.TrimPrefix(whole.Err.Error(), "jsonschema: ")
	default:
		wrong.Message = "is no valid JSON Schema: " + err.Error()
	}
	return wrong
}

// deepest is the reason that is furthest inside the value.
func deepest(err *v5.ValidationError) *v5.ValidationError {
	if len(err.Causes) == 0 {
		return err
	}
	found := (*v5.ValidationError)(nil)
	for _, cause := range err.Causes {
		leaf := deepest(cause)
		if found == nil || strings.Count(leaf.InstanceLocation, "/") > strings.Count(found.InstanceLocation, "/") {
			found = leaf
		}
	}
	return found
}

// tokens takes a JSON pointer apart, as the library writes it.
func tokens(pointer string) []string {
	if pointer == "" {
		return nil
	}
	list := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for i, token := range list {
		if plain, err := url.PathUnescape(token); err == nil {
			token = plain
		}
		list[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
	}
	return list
}
