package mcp

import (
	"context"
	"embed"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/web"
)

// UIExtension is the extension with which a client declares that it shows user
// interfaces: MCP Apps 2026-01-26.
const UIExtension = "io.modelcontextprotocol/ui"

const (
	// uiAddress is the App, and uiType its type.
	uiAddress = "ui://chainwright/run.html"
	uiType    = "text/html;profile=mcp-app"
	// uiMeta and flatMeta are the keys of a tool's _meta that name the App. Some
	// clients read the flat one.
	uiMeta   = "ui"
	flatMeta = "ui/resourceUri"
)

// The tools of the App, which no model sees.
const (
	runView = "run_view"
	runPlan = "run_plan"
)

//go:embed definitions/*.yaml
var uiDefinitions embed.FS

// ui is the App that clients show: what it reads, and how it starts a plan.
type ui struct {
	set  *tools.Set
	view func() *web.View
	defs func() map[string]*executors.Definition
}

// newUI returns the App of a set. Its tools are loaded when they are first used.
func newUI(set *tools.Set) *ui {
	return &ui{
		set:  set,
		view: sync.OnceValue(func() *web.View { return web.NewView(set) }),
		defs: sync.OnceValue(func() map[string]*executors.Definition {
			defs := map[string]*executors.Definition{}
			for _, name := range []string{runView, runPlan} {
				def, err := executors.LoadDefinition(uiDefinitions, "definitions/"+name+".yaml")
				if err != nil {
					panic("the tools of the App: " + err.Error()) // a part of the program
				}
				defs[name] = def
			}
			return defs
		}),
	}
}

// showsUI reports whether the client of a request shows user interfaces. What is
// said of them costs others nothing.
func showsUI(ctx context.Context) bool {
	if peer := PeerFrom(ctx); peer.ShowsUI != nil && peer.ShowsUI() {
		return true
	}
	var declared map[string]any
	if info := server.RequestProtocolInfoFromContext(ctx); info != nil && info.Modern {
		if info.ClientCapabilities != nil {
			declared = info.ClientCapabilities.Extensions
		}
	} else if session, ok := server.ClientSessionFromContext(ctx).(server.SessionWithClientInfo); ok {
		declared = session.GetClientCapabilities().Extensions
	}
	value, ok := declared[UIExtension]
	if !ok {
		return false
	}
	raw, err := plainjson.Marshal(value)
	return err == nil && declaresUI(raw)
}

// declaresUI reports whether the value of the extension is that of a client that
// shows the App's type. One that lists no types shows any.
func declaresUI(value json.RawMessage) bool {
	var declared *struct {
		Types []string `json:"mimeTypes"`
	}
	if len(value) == 0 || json.Unmarshal(value, &declared) != nil || declared == nil {
		return false
	}
	return declared.Types == nil || slices.Contains(declared.Types, uiType)
}

// markUI names the App in the _meta of a tool.
func markUI(tool *mcp.Tool, visibility ...string) {
	fields := map[string]any{uiMeta: map[string]any{"resourceUri": uiAddress, "visibility": visibility}, flatMeta: uiAddress}
	if tool.Meta != nil {
		maps.Copy(fields, tool.Meta.AdditionalFields)
	}
	tool.Meta = &mcp.Meta{AdditionalFields: fields}
}

// uiDocument is the App's document as a resource.
func uiDocument() server.ServerResource {
	return server.ServerResource{
		Resource: mcp.NewResource(uiAddress, "run", mcp.WithResourceTitle("A run, drawn live"),
			mcp.WithResourceDescription("The user interface that draws a run or a plan"), mcp.WithMIMEType(uiType)),
		Handler: func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return []mcp.ResourceContents{mcp.TextResourceContents{
				URI: uiAddress, MIMEType: uiType, Text: web.AppDocument(), Meta: map[string]any{uiMeta: map[string]any{"prefersBorder": true}},
			}}, nil
		},
	}
}

// as returns the tool with whose rights a tool of the App is called.
var as = [...][2]string{{runView, tools.GetRun}, {runPlan, tools.RunTaskTree}}

// may reports whether the caller has a published tool.
func (u *ui) may(ctx context.Context, name string) bool {
	caller := tools.CallerFrom(ctx)
	tool, ok := u.set.Lookup(name)
	if ok {
		_, ok = u.set.Narrowed(tool, caller.Narrow)
	}
	return ok && caller.Scopes.Allow(u.set.Needs(caller.Scopes, name, nil)...)
}

// tools returns the App's own tools that the caller has.
func (u *ui) tools(ctx context.Context) (list []mcp.Tool) {
	for _, each := range as {
		if !u.may(ctx, each[1]) {
			continue
		}
		def := u.defs()[each[0]]
		tool := mcpTool(tools.Tool{
			Name: def.ID, Title: def.Title, Description: def.Description, SearchHint: def.Hint(), Input: def.Input.JSON(), Annotations: def.Annotations,
		})
		markUI(&tool, "app")
		list = append(list, tool)
	}
	return list
}

// tool returns the tool, with its arguments, whose scopes a call needs.
func (u *ui) tool(c *Call) (string, json.RawMessage) {
	if u != nil {
		for _, each := range as {
			if c.Name == each[0] {
				return each[1], nil
			}
		}
	}
	return c.Name, c.Arguments
}

// repeatedMeta is the member of a result's _meta that has the arguments of the call.
const repeatedMeta = "chainwright/arguments"

// mostRepeated is the length in bytes of arguments that are repeated.
const mostRepeated = 256 << 10

// repeats has the arguments of a plan repeated in a reply that names no run. Not
// all clients send them to the App, which draws the plan then. No model reads them
// there.
func (u *ui) repeats(ctx context.Context, c *Call) {
	if u == nil || c.Name != tools.RunTaskTree || len(c.Arguments) == 0 || len(c.Arguments) > mostRepeated {
		return
	}
	if showsUI(ctx) || Modern(c.Version) && declaresIn(c.capabilities) {
		c.repeated = c.Arguments
	}
}

// declaresIn reports whether capabilities declare that the client shows the App.
func declaresIn(capabilities json.RawMessage) bool {
	var declared struct {
		Extensions map[string]json.RawMessage `json:"extensions"`
	}
	return json.Unmarshal(capabilities, &declared) == nil && declaresUI(declared.Extensions[UIExtension])
}

// arguments decodes and checks the arguments of a tool of the App.
func (u *ui) arguments(c *Call) (map[string]any, *executors.Error) {
	def := u.defs()[c.Name]
	given, err := strictjson.DecodeObject(c.Arguments)
	if err != nil {
		return nil, executors.Errorf(executors.ValidationError, "the arguments of %s are not valid: %w", def.ID, err).WithHint("send one JSON object")
	}
	args, wrong := def.Input.Apply(given)
	if len(wrong) > 0 {
		return nil, executors.InvalidInputs(def, wrong)
	}
	return args, nil
}

// reads reports whether a call reads what the App draws.
func (u *ui) reads(c *Call) bool { return u != nil && c.Name == runView }

// read answers a call of run_view. The reply has the whole view, however long it
// is, because no model reads it.
func (u *ui) read(ctx context.Context, s *Server, c *Call) []byte {
	args, refused := u.arguments(c)
	if refused != nil {
		return s.encode(c, tools.Failure(refused))
	}
	part, _ := args["part"].(string)
	needed := tools.GetRun
	if part == web.PartPlan || part == web.PartFind {
		needed = tools.RunTaskTree
	}
	var view any
	var err error
	switch {
	case part == "may":
		view = struct {
			Run    bool `json:"run"`
			Retry  bool `json:"retry"`
			Cancel bool `json:"cancel"`
			// Page is the address of the page.
			Page string `json:"page,omitempty"`
		}{u.may(ctx, tools.RunTaskTree), u.may(ctx, tools.RetryRun), u.may(ctx, tools.CancelRun), pageFrom(ctx)}
	case !u.may(ctx, needed):
		err = executors.Errorf(executors.PermissionDenied, "%s is not published for this caller", needed)
	default:
		view, err = u.view().Read(ctx, part, askOf(args, c.Arguments))
	}
	if err == nil {
		var raw json.RawMessage
		if raw, err = plainjson.Marshal(view); err == nil {
			b := append(begin(make([]byte, 0, len(raw)+512), c.ID), `"content":[{"type":"text","text":"The App draws it."}],"structuredContent":`...)
			return s.end(append(b, raw...), c, "complete")
		}
	}
	return s.encode(c, tools.Failure(executors.AsError(err)))
}

// askOf returns what a call of run_view reads.
func askOf(args map[string]any, raw json.RawMessage) *web.Ask {
	ask := &web.Ask{Values: url.Values{}, Plan: member(raw, "plan")}
	ask.Run, _ = args["run_id"].(string)
	ask.Task, _ = args["task"].(string)
	for _, name := range []string{"after", "offset", "limit", "element"} {
		if n, ok := args[name].(json.Number); ok {
			if whole, err := n.Float64(); err == nil {
				ask.Values.Set(name, strconv.FormatInt(int64(whole), 10))
			}
		}
	}
	open, _ := args["open"].([]any)
	for _, each := range open {
		if id, ok := each.(string); ok {
			ask.Values.Add("open", id)
		}
	}
	return ask
}

// member returns a member of a JSON object as it was written.
func member(raw json.RawMessage, name string) json.RawMessage {
	for key, value := range strictjson.Members(raw) {
		if key == name {
			return value
		}
	}
	return nil
}

// planned are the arguments of run_task_tree that a plan may have.
var planned = [...]string{"tasks", "document", "tree", "inputs"}

// started turns a call of run_plan into the call of run_task_tree that it is, and
// returns the digest of the plan that the person was shown. Other calls stay.
func (u *ui) started(c **Call) (shown string, refused *executors.Error) {
	if u == nil || (*c).Name != runPlan {
		return "", nil
	}
	args, refused := u.arguments(*c)
	if refused != nil {
		return "", refused
	}
	shown, _ = args["digest"].(string)
	b := []byte(`{"wait_seconds":0`)
	for key, value := range strictjson.Members(member((*c).Arguments, "plan")) {
		if slices.Contains(planned[:], key) {
			b = append(append(plainjson.AppendString(append(b, ','), key), ':'), value...)
		}
	}
	call := **c
	call.Name, call.Arguments = tools.RunTaskTree, append(b, '}')
	*c = &call
	return shown, nil
}

// otherPlan refuses to start a plan that is not the one that the person was shown.
func otherPlan(pending *tools.Pending, shown string) *tools.Result {
	digest, refused := pending.Digest()
	switch {
	case refused != nil:
		return tools.Failure(refused)
	case digest != shown:
		return tools.Failure(executors.Errorf(executors.ValidationError, "the plan has changed since it was drawn; nothing was started").
			WithField("digest").WithHint("read it again with run_view, part plan, and show it"))
	}
	return nil
}
