package external

import (
	"context"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/fieldpath"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/rest"
)

// request sends an HTTP request from a template, through rest_executor's code.
type request struct {
	def      *executors.Definition
	address  *address
	rest     map[string]shape // the other inputs of rest_executor
	endpoint *rest.Endpoint
	result   *fieldpath.Path // the part of the output to return; nil: all of it
	path     string
}

func newRequest(l *loading) ([]executors.Executor, error) {
	r := &request{def: l.def, rest: map[string]shape{}}
	var err error
	if r.address, err = parseAddress(l.def, l.run["url"].(string)); err == nil {
		err = r.address.check()
	}
	if err != nil {
		return nil, l.section.Errorf([]string{"url"}, "run.url %w", err)
	}
	if given, ok := l.run["result"].(string); ok {
		path, err := fieldpath.Parse(given)
		if err != nil {
			return nil, l.section.Errorf([]string{"result"}, "run.result: %w", err)
		}
		r.result, r.path = &path, given
	}
	open := map[string]any{"url": r.address.prefix}
	for _, name := range sortedKeys(l.run) {
		switch name {
		case "kind", "url", "result":
			continue
		}
		if r.rest[name], err = parseShape(l.def, l.run[name]); err != nil {
			return nil, l.section.Errorf([]string{name}, "run.%s: %w", name, err)
		}
		open[name] = r.rest[name].unknown()
	}
	if violations := rest.Definition().Input.Validate(open); len(violations) > 0 {
		return nil, l.violations("run", violations)
	}
	if err := r.checkBody(l); err != nil {
		return nil, err
	}
	r.endpoint = rest.NewEndpoint(l.folder.opts.Registry.Policy(), r.address.origin)
	return []executors.Executor{r}, nil
}

// checkBody fails if a body in a structured format has placeholders: json and
// data escape values, body does not.
func (r *request) checkBody(l *loading) error {
	body, ok := r.rest["body"]
	if !ok || !body.text.hasPlaceholder() || len(body.text) == 1 {
		return nil
	}
	for name, value := range r.rest["headers"].object {
		if strings.EqualFold(name, "Content-Type") {
			if kind, _ := value.unknown().(string); !strings.HasPrefix(strings.ToLower(kind), "text/") {
				return l.section.Errorf([]string{"body"}, "run.body is not plain text, so placeholder values would not be escaped; use run.json for JSON and run.data for a form")
			}
		}
	}
	return nil
}

// Definition returns the definition from the file.
func (r *request) Definition() *executors.Definition { return r.def }

// Close closes the idle connections.
func (r *request) Close() error { return r.endpoint.Close() }

// Execute sends the request once.
func (r *request) Execute(ctx context.Context, call *executors.Call) (any, error) {
	inputs, err := r.fill(ctx, call)
	if err != nil {
		return nil, err
	}
	complete, violations := rest.Definition().Complete(inputs)
	if len(violations) > 0 {
		return nil, executors.Errorf(executors.ValidationError, "these inputs make an invalid request: %s", violations[0])
	}
	output, err := r.endpoint.Do(ctx, call, complete)
	if err != nil {
		return output, r.own(err)
	}
	if r.result == nil {
		return output, nil
	}
	return r.pick(output)
}

// fill returns the inputs of rest_executor for one call.
func (r *request) fill(ctx context.Context, call *executors.Call) (map[string]any, error) {
	f := &filler{inputs: call.Inputs, secret: func(name string) (string, error) {
		return call.Secret(ctx, name, r.def.ID, r.address.prefix)
	}}
	target, err := r.address.fill(f)
	if err != nil {
		return nil, err
	}
	inputs := map[string]any{"url": target}
	for name, each := range r.rest {
		value, there, err := each.fill(f)
		if err != nil {
			return nil, err
		}
		if there {
			inputs[name] = value
		}
	}
	return inputs, nil
}

// own removes the field of an error unless it is an input of this executor:
// rest_executor's own fields mean nothing to the caller.
func (r *request) own(err error) error {
	failed := *executors.AsError(err)
	name, _, _ := strings.Cut(failed.Field, ".")
	if !r.def.Input.HasProperty(name) {
		failed.Field = ""
	}
	return &failed
}

// pick returns the part of the output that run.result names.
func (r *request) pick(output any) (any, error) {
	raw, err := plainjson.Marshal(output)
	if err != nil {
		return output, err
	}
	found, ok := r.result.Find(raw)
	if !ok {
		return output, executors.Errorf(executors.ExecutionError, "the response has no value at %s", r.path).
			WithHint("run.result of " + r.def.ID + " selects the part of the response to return; the complete response is in the output")
	}
	return found, nil
}
