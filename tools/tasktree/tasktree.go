// Package tasktree implements task_tree_generator. It is not a stable API.
// It turns a requirement in plain words into a valid task tree.
//
// There are three planners. A language model plans with a brief (package
// brief); its reply is validated and sent back with all its problems until it
// is valid. Without a model, the assistant that calls receives the brief and
// writes the tree. And the built-in planner (package planner) writes a draft by
// rules.
package tasktree

import (
	"context"
	"embed"
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/executors/telemetry"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/tasktree/brief"
	"github.com/chainwright/chainwright/tools/tasktree/internal/planner"
)

//go:embed definition.yaml
var definition embed.FS

// ID is the generator's id.
const ID = "task_tree_generator"

// Planners in addition to the providers of models.
const (
	Builtin = "builtin"
	Caller  = "caller"
)

// The values of status.
const (
	statusCompleted = "completed"
	statusHandedOff = "handed_off"
)

// Options configure the generator. Registry is required.
type Options struct {
	// Registry holds the executors that plans may use.
	Registry *executors.Registry
	// Runner runs trees in mode run. If it is nil, that mode is refused.
	Runner chain.Engine
	// Trees is the folder of saved trees. If it is empty, none can be saved.
	Trees string
	// Exclude are executors that no plan may use.
	Exclude []string
	// HideNames leaves the names of connections, folders, programs and secrets
	// out of every brief: those for models and those for the calling assistant.
	HideNames bool
}

// Generator is task_tree_generator.
type Generator struct {
	executors.Executor
	opts   Options
	client atomic.Pointer[llm.Client]
}

// New returns a generator. It asks models after UseModels was called.
func New(opts Options) *Generator {
	g := &Generator{opts: opts}
	def := executors.MustLoad(definition)
	def.BuiltIn = true
	g.Executor = executors.New(def, g.generate)
	return g
}

// UseModels sets the client for models.
func (g *Generator) UseModels(client *llm.Client) { g.client.Store(client) }

// Drafts implements tools.Drafting.
func (g *Generator) Drafts() {}

// Note implements executors.Noted.
func (g *Generator) Note() string { return g.client.Load().Note() }

// Input is the arguments of a call.
type Input struct {
	Requirement string   `json:"requirement"`
	UserID      string   `json:"user_id"`
	Provider    string   `json:"llm_provider"`
	Model       string   `json:"llm_model"`
	Temperature float64  `json:"temperature"`
	MaxTokens   int      `json:"max_tokens"`
	Mode        string   `json:"mode"`
	Save        any      `json:"save"`
	Allowed     []string `json:"allowed_executors"`
	Context     string   `json:"context"`
	MaxTasks    int      `json:"max_tasks"`
}

// Output is the result of a call: a tree with warnings and other information,
// or the brief for the assistant that writes the tree.
type Output struct {
	Status      string          `json:"status"`
	Name        string          `json:"name,omitempty"`
	Description string          `json:"description,omitempty"`
	Inputs      map[string]any  `json:"inputs,omitempty"`
	Outputs     map[string]any  `json:"outputs,omitempty"`
	Tasks       []any           `json:"tasks"`
	Count       int             `json:"count"`
	Provider    string          `json:"provider"`
	Model       string          `json:"model,omitempty"`
	Attempts    int             `json:"attempts"`
	Warnings    []string        `json:"warnings"`
	Usage       *llm.Usage      `json:"usage,omitempty"`
	Diagram     string          `json:"diagram,omitempty"`
	Saved       string          `json:"saved,omitempty"`
	RunID       string          `json:"run_id,omitempty"`
	Run         *chain.RunView  `json:"run,omitempty"`
	Brief       string          `json:"brief,omitempty"`
	ReplySchema json.RawMessage `json:"reply_schema,omitempty"`
	Next        string          `json:"next,omitempty"`
}

// plan is a valid tree and its output.
type plan struct {
	value  map[string]any
	parsed *chain.Tree
	out    *Output
}

func (g *Generator) generate(ctx context.Context, call *executors.Call, in Input) (*Output, error) {
	if strings.TrimSpace(in.Requirement) == "" {
		return nil, executors.Errorf(executors.ValidationError, "is empty; describe the work to plan").WithField("requirement")
	}
	if !tools.CallerFrom(ctx).Scopes.Allow(savingScopes(in.Save)...) {
		return nil, executors.Errorf(executors.PermissionDenied, "the token may not save trees").WithField("save").
			WithHint("leave save out; the operator adds the scope " + tools.ScopeTreesWrite)
	}
	exclude := g.excluded(ctx)
	if err := g.checkAllowed(in.Allowed, exclude); err != nil {
		return nil, err
	}
	provider := g.provider(ctx, in.Provider)
	if provider == Caller {
		return g.handOff(ctx, in, exclude), nil
	}
	p, err := g.plan(ctx, call, in, exclude, provider)
	if err != nil {
		return nil, err
	}
	p.out.fill(p)
	if err := g.save(in, p); err != nil {
		return p.out, err
	}
	if in.Mode == "run" {
		return p.out, g.run(ctx, call, in, p)
	}
	return p.out, nil
}

// provider returns who plans. Without a model it is the caller.
func (g *Generator) provider(ctx context.Context, wanted string) string {
	switch wanted {
	case Builtin, Caller:
		return wanted
	case llm.None:
		return Caller
	}
	client := g.client.Load()
	if client == nil {
		return Caller
	}
	if wanted == "" || wanted == llm.Auto {
		if client.Provider(ctx, wanted) == llm.None {
			return Caller
		}
	}
	return wanted
}

// excluded returns the executors that a plan may not use: this generator, and
// those that the server, the request or the caller's scopes exclude.
func (g *Generator) excluded(ctx context.Context) []string {
	return slices.Concat([]string{ID}, g.opts.Exclude, tools.CallerFrom(ctx).Narrow.Withheld(g.opts.Registry))
}

func (g *Generator) checkAllowed(allowed, exclude []string) *executors.Error {
	for _, id := range allowed {
		if _, ok := g.opts.Registry.Lookup(id); ok && !slices.Contains(exclude, id) {
			continue
		}
		err := executors.Errorf(executors.ValidationError, "there is no executor %q", id).WithField("allowed_executors")
		if near := g.opts.Registry.Nearest(id); len(near) > 0 {
			err.Hint = "did you mean " + strings.Join(near, " or ") + "?"
		}
		return err
	}
	return nil
}

// Brief returns the brief that a model would receive.
func (g *Generator) Brief(in Input) brief.Brief {
	return g.brief(context.Background(), in, append([]string{ID}, g.opts.Exclude...))
}

func (g *Generator) brief(ctx context.Context, in Input, exclude []string) brief.Brief {
	return brief.Make(brief.Options{
		Registry: g.opts.Registry, Requirement: in.Requirement, Context: in.Context,
		Allowed: in.Allowed, Exclude: exclude, MaxTasks: in.MaxTasks,
		ReadOnly: policy.RestrictionOf(ctx).ReadOnly, HideNames: g.opts.HideNames,
	})
}

// handOff returns the brief to the assistant that calls.
func (g *Generator) handOff(ctx context.Context, in Input, exclude []string) *Output {
	return &Output{
		Status: statusHandedOff, Tasks: []any{}, Provider: Caller, Warnings: []string{},
		Brief: g.brief(ctx, in, exclude).Text(), ReplySchema: brief.ReplySchema(), Next: brief.HandOff(),
	}
}

// plan plans by rules or with a model, in a span of its own.
func (g *Generator) plan(ctx context.Context, call *executors.Call, in Input, exclude []string, provider string) (p *plan, err error) {
	ctx, span := telemetry.From(ctx).Start(ctx, telemetry.Plan, trace.WithAttributes(telemetry.Operation.String(telemetry.Plan)))
	defer span.End()
	if provider == Builtin {
		p, err = g.byRules(in, exclude)
	} else {
		p, err = g.byModel(ctx, call, in, exclude)
	}
	if err != nil {
		telemetry.Fail(span, string(executors.AsError(err).Type))
	}
	return p, err
}

// draftWarning is the first warning of every plan by rules.
const draftWarning = "this draft was made by rules, without a language model: check it before you run it"

func (g *Generator) byRules(in Input, exclude []string) (*plan, error) {
	made, err := planner.Make(in.Requirement, planner.Options{
		Registry: g.opts.Registry, Allowed: in.Allowed, Exclude: exclude, MaxTasks: in.MaxTasks, UserID: in.UserID,
	})
	if err != nil {
		return nil, err
	}
	return &plan{value: made.Tree, parsed: made.Parsed, out: &Output{
		Provider: Builtin, Attempts: 1, Warnings: append([]string{draftWarning}, made.Warnings...),
	}}, nil
}

// fill writes the tree into the output.
func (o *Output) fill(p *plan) {
	o.Status = statusCompleted
	o.Name, _ = p.value["name"].(string)
	o.Description, _ = p.value["description"].(string)
	o.Inputs, _ = p.value["inputs"].(map[string]any)
	o.Outputs, _ = p.value["outputs"].(map[string]any)
	o.Tasks, _ = p.value["tasks"].([]any)
	o.Count = len(o.Tasks)
	o.Diagram = Mermaid(p.parsed)
}

// tree is the tree in an output.
func (o *Output) tree() map[string]any {
	tree := map[string]any{"tasks": o.Tasks}
	if o.Name != "" {
		tree["name"] = o.Name
	}
	if o.Description != "" {
		tree["description"] = o.Description
	}
	if len(o.Inputs) > 0 {
		tree["inputs"] = o.Inputs
	}
	if len(o.Outputs) > 0 {
		tree["outputs"] = o.Outputs
	}
	return tree
}

// decode reads a tree as models write it: an object with tasks, or only the
// array.
func decode(raw json.RawMessage) (map[string]any, error) {
	value, err := strictjson.Decode(raw)
	if err != nil {
		return nil, err
	}
	if list, ok := value.([]any); ok {
		return map[string]any{"tasks": list}, nil
	}
	object, _ := value.(map[string]any)
	return object, nil
}
