package cli

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/tasktree"
	"github.com/chainwright/chainwright/transport/mcp/client"
)

// demoSentence is the requirement that the demo plans and runs.
//
//go:embed demo/sentence.txt
var demoSentence string

type demoCmd struct{ JSON bool }

func (c *demoCmd) takes() []*param {
	return []*param{flag("json", &c.JSON, "", "Print the tools, the plan and the run as JSON instead of the explanations.")}
}

// Run starts the real server in a child process and calls it as an MCP client.
func (c *demoCmd) Run(s *session) (err error) {
	folder, err := os.MkdirTemp("", "chainwright-demo-")
	if err != nil {
		return fmt.Errorf("making a folder for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	d := demo{s: s, out: s.out}
	if c.JSON {
		d.out = io.Discard
	}
	start := time.Now()
	if d.client, err = d.startServer(folder); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.client.Close()) }()
	if err := d.greet(start); err != nil {
		return err
	}
	plan, err := d.plan()
	if err != nil {
		return err
	}
	err = d.runTree(plan)
	if c.JSON && d.run != nil {
		err = errors.Join(s.printJSON(map[string]any{"tools": d.tools, "plan": plan, "run": d.run}), err)
	}
	return err
}

// startServer starts this program as an MCP client does, but without the user's
// configuration, and with a folder that is deleted afterwards.
func (d *demo) startServer(folder string) (*client.Client, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	command := func(ctx context.Context) *exec.Cmd {
		cmd := exec.CommandContext(ctx, self, "stdio", "--store", "memory", "--log-level", "warn")
		cmd.Dir = folder
		cmd.Env = append(strangers(os.Environ()), "XDG_CONFIG_HOME="+folder, "APPDATA="+folder,
			"CHAINWRIGHT_DATA_DIR="+folder, "CHAINWRIGHT_POLICY_AUDIT_OFF=true")
		return cmd
	}
	peer, err := client.Stdio(d.s.ctx, command, d.s.err, client.Options{
		Name: "chainwright-demo", Version: version(),
		OnProgress: func(done, total float64, message string) {
			if show := d.show.Load(); show != nil {
				show.set(int(done), int(total), message)
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	return peer, nil
}

// strangers returns the variables that are not settings of this program.
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
	out    io.Writer // for explanations
	tools  []string
	run    *chain.RunView
	client *client.Client
	show   atomic.Pointer[progress] // of the call in flight; nil: no progress is shown
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

// greet lists the server's tools. The server was started at the time start.
func (d *demo) greet(start time.Time) error {
	list, err := d.client.Tools(d.s.ctx)
	if err != nil {
		return err
	}
	d.say("A server was started (`chainwright stdio`), and speaks MCP %s. After %s it lists %s:\n",
		d.client.Revision(), took(time.Since(start)), plural(len(list), "tool"))
	t := table{}
	for _, tool := range list {
		d.tools = append(d.tools, tool.Name)
		t.add("  "+tool.Name, tool.Title)
	}
	return t.write(d.out)
}

// plan calls the planner with the demo's sentence. It plans by rules, so that no
// model is needed.
func (d *demo) plan() (*tasktree.Output, error) {
	sentence := strings.TrimSpace(demoSentence)
	d.say("\nA sentence becomes a tree of tasks, planned by rules since that needs no language model:\n  \"%s\"\n", sentence)
	var plan tasktree.Output
	if err := d.ask(tasktree.ID, map[string]any{"requirement": sentence, "llm_provider": tasktree.Builtin}, &plan); err != nil {
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
	return &plan, t.write(d.out)
}

// runTree runs the plan over MCP, shows its progress and prints its result.
func (d *demo) runTree(plan *tasktree.Output) error {
	tree := map[string]any{"name": plan.Name, "description": plan.Description, "tasks": plan.Tasks}
	d.say("\nThe server runs it. Tasks that do not depend on each other run at the same time:\n")
	view, err := d.call(tree)
	if err != nil {
		return err
	}
	d.run = view
	if err := draw(d.out, view, order{after: dependencies(tree)}); err != nil {
		return err
	}
	if view.Status != chain.Completed {
		failures(d.out, view)
		return quiet(exitFailed)
	}
	d.say("\nThe run %s completed in %s. Its report:\n  %s", view.RunID, took(time.Duration(view.DurationMS*float64(time.Millisecond))), reportOf(view))
	d.say("\n%s", mustHelp("next"))
	return nil
}

// call runs the tree and shows its progress.
func (d *demo) call(tree any) (*chain.RunView, error) {
	show := newProgress(d.s.err)
	d.show.Store(show)
	defer show.finish()
	defer d.show.Store(nil)
	var view chain.RunView
	if err := d.ask(tools.RunTaskTree, map[string]any{"tasks": tree, "wait_seconds": 60}, &view); err != nil {
		return nil, fmt.Errorf("running the tree: %w", err)
	}
	return &view, nil
}

// ask calls a tool of the server and reads its result.
func (d *demo) ask(tool string, arguments, result any) error {
	raw, err := d.client.Call(d.s.ctx, tool, arguments)
	if err != nil {
		return err
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

// dependencies returns the ids of the tasks that each task of a decoded tree
// depends on.
func dependencies(tree any) map[string][]string {
	raw, err := plainjson.Marshal(tree)
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

// reportOf returns the first summary in the results of the tasks.
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
