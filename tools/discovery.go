package tools

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/names"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/search"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// The tool that shows all about an executor, and those that replace the tools of
// all executors if few tools are wanted.
const (
	FindExecutor     = "find_executor"
	DescribeExecutor = "describe_executor"
	RunExecutor      = "run_executor"
)

// discoveryTools are these tools, and toolsetDiscovery is their toolset.
var discoveryTools = []string{FindExecutor, DescribeExecutor, RunExecutor}

const toolsetDiscovery = "discovery"

// discovery returns describe_executor, and the others if they are wanted.
func (s *Set) discovery() []Tool {
	tool := func(name string, prepare func(def *executors.Definition) preparer) Tool {
		def := s.runs.defs[name]
		made := s.tool(def, prepare(def))
		made.Long = name == RunExecutor
		return made
	}
	list := []Tool{tool(DescribeExecutor, s.describe)}
	if s.opts.Discovery {
		list = append(list, tool(FindExecutor, s.find), tool(RunExecutor, s.runExecutor))
	}
	return list
}

// reachable reports whether discovery may return an executor: it is usable, and
// neither the server's selection nor the request's excludes it.
func (s *Set) reachable(ctx context.Context, def *executors.Definition) bool {
	return s.usable(def) && s.opts.reaches(def) && CallerFrom(ctx).Narrow.reaches(def)
}

// found is an executor in the list of find_executor, or a tool that is called by
// its own name.
type found struct {
	ID          string                `json:"id"`
	Title       string                `json:"title"`
	Description string                `json:"description"`
	Toolset     string                `json:"toolset"`
	Tool        bool                  `json:"tool,omitempty"`
	Annotations executors.Annotations `json:"annotations"`
}

func (s *Set) find(own *executors.Definition) preparer {
	return atOnce(func(ctx context.Context, req *Request) *Result {
		args, err := resolve(own, req.Arguments)
		if err != nil {
			return Failure(err)
		}
		list := s.search(ctx, text(args, "query"))
		more := max(0, len(list)-integer(args, "limit"))
		list = list[:len(list)-more]
		return encoded(struct {
			Executors []found `json:"executors"`
			More      int     `json:"more,omitempty"`
		}{append([]found{}, list...), more})
	})
}

// search returns the reachable executors and the tools that work on runs that
// match a query, the best first; all executors if the query has no words.
func (s *Set) search(ctx context.Context, query string) []found {
	var defs []*executors.Definition
	for _, executor := range s.opts.Registry.All() {
		if def := executor.Definition(); s.reachable(ctx, def) {
			defs = append(defs, def)
		}
	}
	all := len(search.Stems(query)) == 0
	for _, name := range RunTools {
		if tool, ok := s.Lookup(name); ok && !all {
			if _, ok := s.Narrowed(tool, CallerFrom(ctx).Narrow); ok {
				defs = append(defs, s.runs.defs[name])
			}
		}
	}
	var list []found
	for _, match := range search.New(defs).Find(query) {
		if def := match.Def; match.Score > 0 || all {
			_, tool := s.runs.defs[def.ID]
			list = append(list, found{def.ID, def.Title, firstSentence(def.Description), def.Toolset, tool, def.Annotations})
		}
	}
	return list
}

func firstSentence(description string) string {
	if end := strings.Index(description, ". "); end > 0 {
		description = description[:end+1]
	}
	return shorten.Bytes(strings.TrimSpace(description), 300)
}

func (s *Set) describe(own *executors.Definition) preparer {
	return atOnce(func(ctx context.Context, req *Request) *Result {
		args, err := resolve(own, req.Arguments)
		if err != nil {
			return Failure(err)
		}
		name := text(args, "executor")
		if def, ok := s.runs.defs[name]; ok && s.opts.takes(name, def.Toolset) {
			return encoded(s.description(ctx, def))
		}
		def, err := s.reach(ctx, name)
		if err != nil {
			return Failure(err)
		}
		return encoded(s.description(ctx, def))
	})
}

func (s *Set) runExecutor(own *executors.Definition) preparer {
	return func(ctx context.Context, req *Request) (work, *Question) {
		args, given, err := resolveGiven(own, req.Arguments, "inputs")
		if err != nil {
			return refused(err), nil
		}
		def, err := s.reach(ctx, text(args, "executor"))
		if err != nil {
			return refused(err), nil
		}
		var inputs json.RawMessage // as they were written: the order of keys may matter
		for name, value := range strictjson.Members(given) {
			if name == "inputs" && string(value) != "null" {
				inputs = value
			}
		}
		call, question := s.prepareCall(ctx, def.ID, inputs, req, s.readingOnly(ctx))
		return &hinting{call, "describe_executor has the input schema of " + def.ID}, question
	}
}

// hinting adds a hint to an error about the inputs, if the error has none.
type hinting struct {
	call work
	hint string
}

func (h *hinting) run(ctx context.Context) *Result {
	res := h.call.run(ctx)
	if res.Err != nil && res.Err.Type == executors.ValidationError && res.Err.Hint == "" {
		res.Err.Hint = h.hint
	}
	return res
}

// readingOnly reports whether only calls that change nothing are allowed here.
func (s *Set) readingOnly(ctx context.Context) bool {
	return s.opts.ReadOnly || s.opts.Registry.Policy().ReadOnly() || CallerFrom(ctx).Narrow.readOnly()
}

// reach returns an executor that discovery may return.
func (s *Set) reach(ctx context.Context, id string) (*executors.Definition, *executors.Error) {
	executor, ok := s.opts.Registry.Lookup(id)
	if ok && s.reachable(ctx, executor.Definition()) {
		return executor.Definition(), nil
	}
	if setting, closed := s.opts.Registry.Closed(id); ok && closed {
		return nil, executors.Errorf(executors.PermissionDenied, "%s is closed by policy", id).
			WithField("executor").WithHint(setting + " opens it")
	}
	err := executors.Errorf(executors.NotFound, "there is no executor %q", id).WithField("executor")
	if slices.Contains(RunTools, id) {
		return nil, err.WithHint(id + " is a tool: call it by its name")
	}
	if near := s.opts.Registry.Nearest(id); len(near) > 0 {
		return nil, err.WithHint("did you mean " + strings.Join(near, " or ") + "?")
	}
	return nil, err.WithHint("find_executor lists the executors")
}

// description is an executor in the result of describe_executor and in
// executor://{id}.
type description struct {
	ID          string                `json:"id"`
	Title       string                `json:"title"`
	Description string                `json:"description"`
	Details     string                `json:"details,omitempty"`
	Toolset     string                `json:"toolset"`
	Tags        []string              `json:"tags,omitempty"`
	Annotations executors.Annotations `json:"annotations"`
	// Names are those that calls can use on this server, by their kind.
	Names    map[string][]names.Name `json:"names,omitempty"`
	Closed   string                  `json:"opened_by,omitempty"`
	Timeout  float64                 `json:"timeout_seconds,omitempty"`
	Ceiling  float64                 `json:"timeout_ceiling_seconds,omitempty"`
	Input    json.RawMessage         `json:"input_schema"`
	Output   json.RawMessage         `json:"output_schema,omitempty"`
	Examples []example               `json:"examples,omitempty"`
}

type example struct {
	Title  string          `json:"title,omitempty"`
	Inputs json.RawMessage `json:"inputs"`
	Result json.RawMessage `json:"result,omitempty"`
}

func (s *Set) description(ctx context.Context, def *executors.Definition) description {
	d := description{
		ID: def.ID, Title: def.Title, Description: s.described(def), Details: def.Details, Toolset: def.Toolset, Tags: def.Tags,
		Annotations: def.Annotations, Timeout: def.Timeout.Default.Seconds(), Ceiling: def.Timeout.Ceiling.Seconds(),
		Input: def.Input.JSON(),
	}
	if s.readingOnly(ctx) {
		if raw, ok := def.ReadOnlyInput(); ok {
			d.Input = raw
		}
	}
	if d.Names = s.namesFor(ctx, def); d.Names == nil {
		d.Description = def.Description // the note names a model
	}
	d.Closed, _ = s.opts.Registry.Closed(def.ID)
	if def.Output != nil {
		d.Output = def.Output.JSON()
	}
	for _, each := range def.Examples {
		d.Examples = append(d.Examples, example(each))
	}
	return d
}

// encoded returns the result of a tool that only reads what this server knows.
func encoded(v any) *Result {
	raw, err := plainjson.Marshal(v)
	if err != nil {
		return Failure(executors.AsError(fmt.Errorf("encoding the answer: %w", err)))
	}
	return &Result{Status: StatusCompleted, Result: raw}
}
