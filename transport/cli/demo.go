package cli

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/tasktree"
)

// demoSentence is what the demo has planned and run.
//
//go:embed demo/sentence.txt
var demoSentence string

type demoCmd struct{}

// Run shows the program at work: the real server in a process of its own, and
// this process as its client.
func (demoCmd) Run(s *session) (err error) {
	folder, err := os.MkdirTemp("", "chainwright-demo-")
	if err != nil {
		return fmt.Errorf("making a folder for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	peer, err := startServer(s, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, peer.Close()) }()
	d := demo{s: s, client: peer}
	if err := d.greet(); err != nil {
		return err
	}
	plan, err := d.plan()
	if err != nil {
		return err
	}
	return d.runTree(plan)
}

// startServer starts this program as a client would, with nothing of the
// user's own: no configuration, and a folder that is thrown away.
func startServer(s *session, folder string) (*client.Client, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	command := func(ctx context.Context, path string, _, args []string) (*exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, path, args...)
		cmd.Dir = folder
		cmd.Env = append(strangers(os.Environ()), "XDG_CONFIG_HOME="+folder, "APPDATA="+folder,
			"CHAINWRIGHT_DATA_DIR="+folder, "CHAINWRIGHT_POLICY_AUDIT_OFF=true")
		return cmd, nil
	}
	wire := transport.NewStdioWithOptions(self, nil, []string{"stdio", "--store", "memory", "--log-level", "warn"},
		transport.WithCommandFunc(command), transport.WithCommandStderrWriter(s.err))
	peer := client.NewClient(wire)
	if err := peer.Start(context.WithoutCancel(s.ctx)); err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	return peer, nil
}

// strangers are the variables that are not this program's.
func strangers(environ []string) []string {
	var left []string
	for _, entry := range environ {
		if !strings.HasPrefix(entry, "CHAINWRIGHT_") {
			left = append(left, entry)
		}
	}
	return left
}

type demo struct {
	s      *session
	client *client.Client
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.s.out, format+"\n", args...) }

// greet makes acquaintance with the server, and lists its tools.
func (d *demo) greet() error {
	start := time.Now()
	var hello mcp.InitializeRequest
	hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	hello.Params.ClientInfo = mcp.Implementation{Name: "chainwright-demo", Version: version()}
	answer, err := d.client.Initialize(d.s.ctx, hello)
	if err != nil {
		return fmt.Errorf("greeting the server: %w", err)
	}
	list, err := d.client.ListTools(d.s.ctx, mcp.ListToolsRequest{})
	if err != nil {
		return fmt.Errorf("listing the tools: %w", err)
	}
	d.say("A server was started (`chainwright stdio`), and speaks MCP %s. After %s it lists %s:\n",
		answer.ProtocolVersion, took(time.Since(start)), plural(len(list.Tools), "tool"))
	t := table{}
	for _, tool := range list.Tools {
		t.add("  "+tool.Name, tool.Title)
	}
	return t.write(d.s.out)
}

// plan has the server plan the demo's sentence, by rules: that needs no model.
func (d *demo) plan() (*tasktree.Output, error) {
	sentence := strings.TrimSpace(demoSentence)
	d.say("\nA sentence becomes a tree of tasks, planned by rules since that needs no language model:\n  \"%s\"\n", sentence)
	var call mcp.CallToolRequest
	call.Params.Name = tasktree.ID
	call.Params.Arguments = map[string]any{"requirement": sentence, "llm_provider": tasktree.Builtin}
	var plan tasktree.Output
	if err := d.ask(call, &plan); err != nil {
		return nil, fmt.Errorf("planning: %w", err)
	}
	t := table{}
	for _, each := range plan.Tasks {
		task, _ := each.(map[string]any)
		schemas, _ := task["schemas"].(map[string]any)
		how := ""
		if condition, ok := task["when"].(string); ok {
			how = "when " + condition
		}
		t.add("  "+fmt.Sprint(task["id"]), fmt.Sprint(schemas["method"]), how)
	}
	return &plan, t.write(d.s.out)
}

// runTree runs the plan over MCP, with its progress, and shows what came out.
func (d *demo) runTree(plan *tasktree.Output) error {
	tree := map[string]any{"name": plan.Name, "description": plan.Description, "tasks": plan.Tasks}
	d.say("\nThe server runs it. What does not wait for each other runs side by side:\n")
	view, err := d.call(tree)
	if err != nil {
		return err
	}
	if err := draw(d.s.out, view, dependencies(tree)); err != nil {
		return err
	}
	if view.Status != chain.Completed {
		failures(d.s.out, view)
		return quiet(exitFailed)
	}
	d.say("\nThe run %s completed in %s. Its report:\n  %s", view.RunID, took(time.Duration(view.DurationMS*float64(time.Millisecond))), reportOf(view))
	d.say("\n%s", mustHelp("next"))
	return nil
}

// call has the server run the tree, and shows the notifications of progress
// that come meanwhile.
func (d *demo) call(tree any) (*chain.RunView, error) {
	show := newProgress(d.s.err)
	defer show.finish()
	d.client.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Method != "notifications/progress" {
			return
		}
		done, _ := n.Params.AdditionalFields["progress"].(float64)
		total, _ := n.Params.AdditionalFields["total"].(float64)
		message, _ := n.Params.AdditionalFields["message"].(string)
		show.set(int(done), int(total), message)
	})
	var call mcp.CallToolRequest
	call.Params.Name = tools.RunTaskTree
	call.Params.Arguments = map[string]any{"tasks": tree, "wait_seconds": 60}
	call.Params.Meta = &mcp.Meta{ProgressToken: "demo"}
	var view chain.RunView
	if err := d.ask(call, &view); err != nil {
		return nil, fmt.Errorf("running the tree: %w", err)
	}
	return &view, nil
}

// ask calls a tool of the server and reads its result.
func (d *demo) ask(call mcp.CallToolRequest, result any) error {
	res, err := d.client.CallTool(d.s.ctx, call)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(res.StructuredContent)
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	var envelope struct {
		Result json.RawMessage `json:"result"`
		Error  string          `json:"error"`
		Hint   string          `json:"hint"`
	}
	if err := json.Unmarshal(raw, &envelope); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if envelope.Result == nil {
		return (&exit{code: exitFailed, err: errors.New(envelope.Error)}).withHint(envelope.Hint)
	}
	if err := json.Unmarshal(envelope.Result, result); err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	return nil
}

// dependencies are what each task of a decoded tree says it waits for.
func dependencies(tree any) map[string][]string {
	raw, err := encode(tree)
	if err != nil {
		return nil
	}
	var written struct {
		Tasks []struct {
			ID           string            `json:"id"`
			Dependencies []json.RawMessage `json:"dependencies"`
		} `json:"tasks"`
	}
	if json.Unmarshal(raw, &written) != nil {
		return nil
	}
	after := map[string][]string{}
	for _, task := range written.Tasks {
		for _, each := range task.Dependencies {
			var name string
			var whole struct {
				ID string `json:"id"`
			}
			if json.Unmarshal(each, &name) != nil && json.Unmarshal(each, &whole) == nil {
				name = whole.ID
			}
			after[task.ID] = append(after[task.ID], name)
		}
	}
	return after
}

// reportOf is the first summary that a task made.
func reportOf(view *chain.RunView) string {
	for i := range view.Tasks {
		var result struct {
			Summary string `json:"summary"`
		}
		if json.Unmarshal(view.Tasks[i].Result, &result) == nil && result.Summary != "" {
			return strings.ReplaceAll(strings.TrimSpace(result.Summary), "\n", "\n  ")
		}
	}
	return ""
}
