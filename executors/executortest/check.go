package executortest

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/schema"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Check checks an executor's definition: its schemas are of objects, its texts
// are short enough, the Go type of its inputs has exactly the properties
// of the schema, that of its outputs those of a closed schema, and its examples
// match the schemas.
func Check(t testing.TB, e executors.Executor) {
	t.Helper()
	def := e.Definition()
	for _, problem := range problems(e) {
		t.Errorf("%s: %s", def.ID, problem)
	}
}

func problems(e executors.Executor) []string {
	def := e.Definition()
	found := texts(def)
	for name, schema := range map[string]*executors.Schema{"input_schema": def.Input, "output_schema": def.Output} {
		_, wrong := lintRoot(schema.JSON())
		for _, each := range wrong {
			found = append(found, name+" "+each)
		}
	}
	if t := executors.InputType(e); t != nil {
		if shape, err := strictjson.DecodeObject(def.Input.JSON()); err == nil {
			found = append(found, fields("input_schema", "", t, shape)...)
		}
	}
	if t := executors.OutputType(e); t != nil {
		if shape, err := strictjson.DecodeObject(def.Output.JSON()); err == nil && shape["additionalProperties"] == false {
			found = append(found, fields("output_schema", "", t, shape)...)
		}
	}
	return append(found, examples(def)...)
}

// texts checks the texts that people and assistants read.
func texts(def *executors.Definition) []string {
	const longestDescription, longestTitle = 1000, 60
	var found []string
	if len(def.Description) > longestDescription {
		found = append(found, "the description is over 1,000 characters, of which clients show no more")
	}
	if len(def.Title) > longestTitle {
		found = append(found, "the title is over 60 characters")
	}
	if len(def.Tags) == 0 {
		found = append(found, "there are no tags to find it by")
	}
	if len(def.Examples) == 0 {
		found = append(found, "there is no example")
	}
	return found
}

// examples checks the examples against the schemas, with defaults filled in.
func examples(def *executors.Definition) []string {
	var found []string
	for _, example := range def.Examples {
		inputs, err := strictjson.DecodeObject(example.Inputs)
		if err != nil {
			found = append(found, "example "+example.Title+": "+err.Error())
			continue
		}
		if _, violations := def.Input.Apply(withSecrets(inputs).(map[string]any)); len(violations) > 0 {
			found = append(found, "example "+example.Title+": inputs: "+violations[0].String())
		}
		if example.Result == nil {
			continue
		}
		result, err := strictjson.Decode(example.Result)
		if err != nil {
			found = append(found, "example "+example.Title+": "+err.Error())
		} else if violations := without(def.Output.Validate(result), "is required"); len(violations) > 0 {
			found = append(found, "example "+example.Title+": result: "+violations[0].String())
		}
	}
	return found
}

// without removes the required keywords: an example shows only the important
// fields of a result.
func without(violations []schema.Violation, message string) []schema.Violation {
	return slices.DeleteFunc(violations, func(v schema.Violation) bool { return v.Message == message })
}

// withSecrets replaces the placeholders of secrets in an example.
func withSecrets(v any) any {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "${{") {
			return schema.Unknown{Text: true}
		}
	case []any:
		for i := range v {
			v[i] = withSecrets(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = withSecrets(v[key])
		}
	}
	return v
}

// fields checks that a Go type and a schema have the same names, also in nested
// objects.
func fields(schema, path string, t reflect.Type, shape map[string]any) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		if t.Kind() == reflect.Slice {
			shape, _ = shape["items"].(map[string]any)
		}
		t = t.Elem()
	}
	properties, ok := shape["properties"].(map[string]any)
	if t.Kind() != reflect.Struct || !ok {
		return nil
	}
	var found []string
	known := map[string]bool{}
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || name == "-" || field.Anonymous && name == "" {
			continue
		}
		if name == "" {
			found = append(found, path+field.Name+" has no json tag")
			continue
		}
		known[name] = true
		property, ok := properties[name].(map[string]any)
		if !ok {
			found = append(found, path+field.Name+" is for "+name+", which "+schema+" does not have")
			continue
		}
		found = append(found, fields(schema, path+field.Name+".", field.Type, property)...)
	}
	for _, name := range names(properties) {
		if !known[name] {
			found = append(found, schema+" has "+path+name+", which no field of "+t.String()+" takes")
		}
	}
	return found
}
