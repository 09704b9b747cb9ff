package tools_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/server"
	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/promptchain"
	"github.com/chainwright/chainwright/tools/sequential"
	"github.com/chainwright/chainwright/tools/tasktree"
	"github.com/chainwright/chainwright/tools/toolstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What the default set may cost an assistant's context.
const (
	maxTools  = 20
	maxTokens = 9000
)

// snapshots holds every tool as it is published, one file each.
const snapshots = "../testdata/tools"

// opened opens every built-in executor, on nothing.
func opened(t *testing.T) policy.Config {
	t.Helper()
	return policy.Config{
		Command:     policy.Command{Programs: []policy.Program{{Path: executable(t)}}},
		Files:       policy.Files{Roots: map[string]policy.Root{"work": {Path: t.TempDir(), Write: true}}},
		Databases:   policy.Databases{CallerDSN: true},
		Connections: map[string]policy.Connection{"mail": {Kind: "smtp", Host: "mail.example.com"}},
		SSH:         policy.SSH{Hosts: []string{"web01"}},
		Docker:      policy.Docker{Images: []string{"python:3.11"}},
	}
}

func executable(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// set builds the tools over what is built in, without the test's executors.
func set(t *testing.T, cfg policy.Config, change func(*tools.Options)) *tools.Set {
	t.Helper()
	all := builtin.All()
	if len(cfg.Command.Programs) > 0 { // everything is opened, models too
		llm.Connect(models(t), all...)
	}
	opts := []toolstest.Option{toolstest.WithPolicy(cfg), toolstest.Bare(), toolstest.WithExecutors(all...)}
	if change != nil {
		opts = append(opts, toolstest.WithTools(change))
	}
	made := stack(t, opts...)
	for _, generator := range generators(made) {
		if len(cfg.Command.Programs) > 0 {
			llm.Connect(models(t), generator)
		}
		if err := made.Registry.Register(generator); err != nil {
			t.Fatal(err)
		}
	}
	return made.Set
}

// generators are the executors that are made where everything is wired.
func generators(made *toolstest.Stack) []executors.Executor {
	return []executors.Executor{
		tasktree.New(tasktree.Options{Registry: made.Registry, Runner: made.Runner}), sequential.New(),
		promptchain.New(promptchain.Options{Registry: made.Registry, Runner: made.Runner}),
	}
}

// models is a client of an endpoint that nobody listens at, and nobody asks.
func models(t *testing.T) *llm.Client {
	t.Helper()
	client, err := llm.NewClient(llm.Settings{}, llm.WithEnvironment(func(name string) (string, bool) {
		return "http://127.0.0.1:1/v1", name == "OPENAI_BASE_URL"
	}))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func stack(t *testing.T, opts ...toolstest.Option) *toolstest.Stack {
	t.Helper()
	made, err := toolstest.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := made.Close(); err != nil {
			t.Error(err)
		}
	})
	return made
}

// ask sends one message of the newest revision and gives the result.
func ask(t *testing.T, srv *server.MCPServer, method, params string) json.RawMessage {
	t.Helper()
	return askAs(t, t.Context(), srv, method, params)
}

func askAs(t *testing.T, ctx context.Context, srv *server.MCPServer, method, params string) json.RawMessage {
	t.Helper()
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
	if params = strings.TrimPrefix(params, "{"); params == "" {
		params = "}"
	}
	joint := ","
	if params == "}" {
		joint = ""
	}
	raw, err := json.Marshal(srv.HandleMessage(ctx, json.RawMessage(
		`{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{`+meta+joint+params+`}`)))
	if err != nil {
		t.Fatal(err)
	}
	var reply struct{ Result, Error json.RawMessage }
	if err := json.Unmarshal(raw, &reply); err != nil {
		t.Fatal(err)
	}
	if reply.Error != nil {
		t.Fatalf("%s %s: %s", method, params, reply.Error)
	}
	return reply.Result
}

type listed struct {
	Name         string          `json:"name"`
	Title        string          `json:"title"`
	Description  string          `json:"description"`
	InputSchema  json.RawMessage `json:"inputSchema"`
	OutputSchema json.RawMessage `json:"outputSchema"`
	Annotations  map[string]any  `json:"annotations"`
}

func list(t *testing.T, s *tools.Set) (raw []json.RawMessage, parsed []listed, size int) {
	t.Helper()
	result := ask(t, tools.NewServer(s, tools.ServerOptions{}), "tools/list", "")
	var reply struct{ Tools []json.RawMessage }
	if err := json.Unmarshal(result, &reply); err != nil {
		t.Fatal(err)
	}
	for _, each := range reply.Tools {
		var tool listed
		if err := json.Unmarshal(each, &tool); err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, tool)
	}
	return reply.Tools, parsed, len(result)
}

// every gives every tool that can be published.
func every(t *testing.T) (raw []json.RawMessage, parsed []listed) {
	t.Helper()
	for _, discovery := range []bool{false, true} {
		r, p, _ := list(t, set(t, opened(t), func(o *tools.Options) {
			o.Discovery = discovery
			if discovery {
				o.Toolsets = []string{"discovery"}
			}
		}))
		raw, parsed = append(raw, r...), append(parsed, p...)
	}
	return raw, parsed
}

// Given everything opened, each tool is published as its snapshot has it.
// CHAINWRIGHT_UPDATE=1 writes the snapshots anew.
func TestSnapshots(t *testing.T) {
	t.Parallel()
	raw, parsed := every(t)
	update := os.Getenv("CHAINWRIGHT_UPDATE") != ""
	want := map[string]bool{}
	for i, tool := range parsed {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, raw[i], "", "  "); err != nil {
			t.Fatal(err)
		}
		pretty.WriteByte('\n')
		file := filepath.Join(snapshots, tool.Name+".json")
		want[filepath.Base(file)] = true
		if update {
			if err := os.MkdirAll(snapshots, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, pretty.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		kept, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%s has no snapshot (CHAINWRIGHT_UPDATE=1 writes it): %v", tool.Name, err)
		} else if !bytes.Equal(bytes.ReplaceAll(kept, []byte("\r\n"), []byte("\n")), pretty.Bytes()) {
			t.Errorf("%s is not published as its snapshot has it (CHAINWRIGHT_UPDATE=1 writes it anew):\n%s", tool.Name, pretty.Bytes())
		}
	}
	files, err := filepath.Glob(filepath.Join(snapshots, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if want[filepath.Base(file)] {
			continue
		}
		t.Errorf("%s is a snapshot of a tool that is not published", file)
	}
}

var toolName = regexp.MustCompile(`^[a-z0-9_]{1,40}$`)

// Given every tool, it is what assistants and IDEs accept.
func TestLint(t *testing.T) {
	t.Parallel()
	_, parsed := every(t)
	for _, tool := range parsed {
		t.Run(tool.Name, func(t *testing.T) {
			t.Parallel()
			if !toolName.MatchString(tool.Name) {
				t.Errorf("the name %q has other characters than clients take", tool.Name)
			}
			if tool.Title == "" {
				t.Error("has no title")
			}
			if n := len(tool.Description); n == 0 || n >= 1000 {
				t.Errorf("the description has %d characters", n)
			}
			if !strings.Contains(tool.Description, "xample") {
				t.Error("the description has no example")
			}
			for _, problem := range executortest.LintInput(tool.InputSchema) {
				t.Errorf("the input schema %s", problem)
			}
			for _, problem := range executortest.LintOutput(tool.OutputSchema) {
				t.Errorf("the output schema %s", problem)
			}
			for _, schema := range []json.RawMessage{tool.InputSchema, tool.OutputSchema} {
				if _, err := executors.CompileSchema(tool.Name, schema); err != nil {
					t.Error(err)
				}
			}
			var output struct{ Required []string }
			if err := json.Unmarshal(tool.OutputSchema, &output); err != nil {
				t.Fatal(err)
			}
			for _, name := range output.Required {
				if name == "result" {
					t.Error("a long result is left out, and can't be required")
				}
			}
			for _, hint := range []string{"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"} {
				if _, ok := tool.Annotations[hint].(bool); !ok {
					t.Errorf("does not say %s", hint)
				}
			}
			if tool.Annotations["readOnlyHint"] == true && tool.Annotations["destructiveHint"] == true {
				t.Error("only reads, and destroys")
			}
		})
	}
}

// Given the default policy, the tools fit a small context.
func TestTokenBudget(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*tools.Options){
		"default":   nil,
		"discovery": func(o *tools.Options) { o.Discovery = true },
	} {
		_, parsed, size := list(t, set(t, policy.Config{}, change))
		tokens := size / 4
		t.Logf("%s: %d tools, %d tokens", name, len(parsed), tokens)
		if len(parsed) > maxTools || tokens > maxTokens {
			t.Errorf("%s: %d tools of %d tokens; at most %d of %d", name, len(parsed), tokens, maxTools, maxTokens)
		}
		if name == "discovery" && tokens > 3500 {
			t.Errorf("discovery takes %d tokens", tokens)
		}
	}
}

// Given the same tools twice, they are listed in the same order.
func TestOrder(t *testing.T) {
	t.Parallel()
	_, first, _ := list(t, set(t, policy.Config{}, nil))
	for i := 1; i < len(first); i++ {
		if first[i-1].Name >= first[i].Name {
			t.Errorf("%s comes before %s", first[i-1].Name, first[i].Name)
		}
	}
}
