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

// CompileError is why a schema does not compile, and where in it.
type CompileError struct {
	Name string
	// Pointer is the place, as far as it is known.
	Pointer []string
	Message string

	cause error
}

// Error returns the name, the place and the reason.
func (e *CompileError) Error() string {
	if len(e.Pointer) == 0 {
		return e.Name + ": " + e.Message
	}
	return fmt.Sprintf("%s: at /%s: %s", e.Name, strings.Join(e.Pointer, "/"), e.Message)
}

// Unwrap returns the cause.
func (e *CompileError) Unwrap() error { return e.cause }

// address is the base URL of references inside a schema.
const address = "schema://local/schema.json"

var errRemote = errors.New("references to other documents are not followed")

// compile compiles a schema with v5. v5 panics on some invalid schemas; that
// is an error here.
func compile(name string, raw json.RawMessage) (compiled *v5.Schema, err error) {
	defer func() {
		if trouble := recover(); trouble != nil {
			compiled, err = nil, &CompileError{Name: name, Message: fmt.Sprintf("does not compile: %v", trouble)}
		}
	}()
	compiler := v5.NewCompiler()
	compiler.Draft = v5.Draft2020
	compiler.AssertFormat = true
	compiler.ExtractAnnotations = true
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

// compileError reads the place and the reason from an error of v5.
func compileError(name string, err error) *CompileError {
	wrong := &CompileError{Name: name, cause: err}
	var invalid *v5.ValidationError
	var whole *v5.SchemaError
	switch {
	case errors.Is(err, errRemote):
		wrong.Message = errRemote.Error() + "; copy the schema into $defs"
	case errors.As(err, &invalid):
		leaf := deepest(invalid)
		wrong.Pointer = tokens(leaf.InstanceLocation)
		wrong.Message = "is not a valid JSON Schema: " + leaf.Message
	case errors.As(err, &whole) && whole.Err != nil:
		wrong.Message = "is not a valid JSON Schema: " + strings.TrimPrefix(whole.Err.Error(), "jsonschema: ")
	default:
		wrong.Message = "is not a valid JSON Schema: " + err.Error()
	}
	return wrong
}

// deepest returns the cause that is deepest inside the value.
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

// tokens splits a JSON pointer of v5.
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
