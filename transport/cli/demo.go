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
	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/tools"
)

//go:embed demo/tree.yaml
var demoTree []byte

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
	return d.runTree()
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

// runTree runs the tree over MCP, with its progress, and shows what came out.
func (d *demo) runTree() error {
	tree, err := strictjson.FromYAML(demoTree)
	if err != nil {
		return fmt.Errorf("reading the demo's tree: %w", err)
	}
	d.say("\nNow a tree of tasks: three readings of this machine in parallel, a jq program over\nthem, a report, and a warning that is only made when the disk is nearly full.\n")
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
	res, err := d.client.CallTool(d.s.ctx, call)
	if err != nil {
		return nil, fmt.Errorf("running the tree: %w", err)
	}
	raw, err := json.Marshal(res.StructuredContent)
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	var envelope struct {
		Result *chain.RunView `json:"result"`
		Error  string         `json:"error"`
		Hint   string         `json:"hint"`
	}
	if err := json.Unmarshal(raw, &envelope); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if envelope.Result == nil {
		return nil, (&exit{code: exitFailed, err: errors.New(envelope.Error)}).withHint(envelope.Hint)
	}
	return envelope.Result, nil
}

// dependencies are what each task of a decoded tree says it waits for.
func dependencies(tree any) map[string][]string {
	raw, err := encode(tree)
	if err != nil {
		return nil
	}
	var written struct {
		Tasks []struct {
			ID           string   `json:"id"`
			Dependencies []string `json:"dependencies"`
		} `json:"tasks"`
	}
	if json.Unmarshal(raw, &written) != nil {
		return nil
	}
	after := map[string][]string{}
	for _, task := range written.Tasks {
		after[task.ID] = task.Dependencies
	}
	return after
}

// reportOf is the summary that the report task made.
func reportOf(view *chain.RunView) string {
	for i := range view.Tasks {
		var result struct {
			Summary string `json:"summary"`
		}
		if view.Tasks[i].ID == "report" && json.Unmarshal(view.Tasks[i].Result, &result) == nil {
			return result.Summary
		}
	}
	return ""
}
