package app_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/app"
)

// waysIn are all ways into the program, each with the rows of entryPoints that
// attack it. One without rows calls no executor.
var waysIn = map[string][]string{
	"tool run_task_tree":      {"tree of a call", "saved tree", "nested tree of a call", "saved tree in a call's tree", "saved tree two levels down"},
	"tool retry_run":          {"retry of a call's tree", "retry of a saved tree", "retry of a call's inner tree"},
	"tool run_executor":       {"run_executor", "run_executor, user-made"},
	"tool of an executor":     {"tool", "user-made executor as a tool"},
	"tool validate_task_tree": nil,
	"tool get_run":            nil,
	"tool list_runs":          nil,
	"tool cancel_run":         nil,
	"tool find_executor":      nil,
	"tool describe_executor":  nil,

	"generator prompt_chain":              {"prompt chain", "nested tree of a chain", "prompt chain in a tree", "saved tree in a prompt chain"},
	"generator task_tree_generator":       {"tree of the engine", "nested tree of the engine"}, // it starts its plan as these are started
	"generator sequential_task_generator": {"batch"},
	"generator llm_executor":              nil,

	"kind command": nil,
	"kind http":    nil,
	"kind mcp":     nil,
	"kind tree":    {"user-made executor", "nested tree of the engine", "retry of a nested tree", "saved tree in an executor"},

	"engine PrepareCall":  {"direct call", "user-made executor"},
	"engine PrepareRun":   {"tree of the engine", "nested tree of the engine", "elements of a tree", "saved tree in a tree", "saved tree for each element"},
	"engine PrepareRetry": {"retry", "retry of a nested tree", "retry of a tree in a tree"},
	"engine Answer":       nil, // the run goes on as it was started: TestRestrictionIsKept
	"engine Approvals":    nil,
	"engine Cancel":       nil, // it ends tasks of a run that no process drives, without a call
	"engine Close":        nil,
	"engine Events":       nil,
	"engine Get":          nil,
	"engine List":         nil,
	"engine Log":          nil,
	"engine TaskResult":   nil,
	"engine Wait":         nil,
	"engine Watch":        nil,

	"route /mcp":         {"tool", "tree of a call", "retry of a call's tree"},
	"route GET /healthz": nil,
	"route GET /readyz":  nil,
	"route GET /metrics": nil,
	"route /metrics":     nil, // the same, at an address of its own
	"route /":            nil, // the page's files, or 404
	"route GET /.well-known/oauth-protected-resource":  nil, // about the server
	"route GET /.well-known/oauth-protected-resource/": nil,

	// The API of the page. Its writes are calls of the tools: TestWrites, TestScopes
	// and TestAnswers in transport/web.
	"route GET /api/session":                         nil,
	"route POST /api/login":                          nil,
	"route GET /api/login/account":                   nil,
	"route GET /api/login/callback":                  nil,
	"route POST /api/logout":                         nil,
	"route GET /api/runs":                            nil,
	"route GET /api/runs/{id}":                       nil,
	"route GET /api/runs/{id}/layout":                nil,
	"route GET /api/runs/{id}/tree":                  nil,
	"route GET /api/runs/{id}/events":                nil,
	"route GET /api/runs/{id}/tasks/{task}":          nil,
	"route GET /api/runs/{id}/tasks/{task}/result":   nil,
	"route GET /api/runs/{id}/tasks/{task}/elements": nil,
	"route GET /api/runs/{id}/tasks/{task}/log":      nil,
	"route GET /api/trees":                           nil,
	"route GET /api/trees/{name}":                    nil,
	"route GET /api/schedules":                       nil,
	"route GET /api/approvals":                       nil,
	"route GET /api/executors":                       nil,
	"route GET /api/executors/{id}":                  nil,
	"route POST /api/tools/{tool}":                   {"tree of a call", "saved tree", "retry of a call's tree"},
	"route POST /api/runs/{id}/again":                {"tree of a call", "saved tree", "tool"},
	"route POST /api/runs/{id}/tasks/{task}/answer":  nil, // as engine Answer
	"route /api/":                                    nil, // 404

	"command call":                {"tool", "run_executor"},
	"command run":                 {"tree of a call", "saved tree"},
	"command retry":               {"retry of a call's tree", "retry of a saved tree"},
	"command chain":               {"prompt chain"},
	"command generate task-tree":  {"tree of the engine"},
	"command generate sequential": {"batch"},
	"command stdio":               {"tool", "tree of a call"},
	"command serve":               {"tool", "tree of a call"},
	"command ui":                  {"tree of a call", "saved tree"},
	"command worker":              nil, // it runs tasks of runs as they were started
	"command approvals":           nil,
	"command approve":             nil, // as engine Answer
	"command store show":          nil,
	"command store backup":        nil,
	"command store export":        nil,
	"command store import":        nil, // what was in progress is imported as interrupted
	"command demo":                {"tool", "tree of a call"},
	"command schedules enable":    {"tree of the engine"}, // its runs are started as these are
	"command schedules disable":   nil,
	"command schedules list":      nil,
	"command schedules pause":     nil,
	"command schedules resume":    {"tree of the engine"},
	"command schedules show":      nil,
	"command cancel":              nil,
	"command completion":          nil,
	"command doctor":              nil,
	"command executors list":      nil,
	"command executors new":       nil,
	"command init":                nil,
	"command graph":               nil,
	"command runs list":           nil,
	"command runs rm":             nil,
	"command tools":               nil,
	"command schema tree":         nil,
	"command trees list":          nil,
	"command trees rm":            nil,
	"command validate":            nil,
	"command version":             nil,
}

// The program has no way in that waysIn does not list, and each that calls
// executors is attacked by rows of entryPoints.
func TestEveryWayInHasAnEntryPoint(t *testing.T) {
	t.Parallel()
	found := slices.Concat(published(t), kinds(t), methods(), routes(t), commands(t))
	if missing, gone := compare(found, waysIn); len(missing)+len(gone) > 0 {
		t.Errorf("ways in without a row in waysIn: %q; rows whose way in does not exist: %q", missing, gone)
	}
	attacked := map[string]bool{"registry": true} // under all of them
	for way, rows := range waysIn {
		for _, row := range rows {
			if _, ok := entryPoints[row]; !ok {
				t.Errorf("%s: entryPoints has no row %q", way, row)
			}
			attacked[row] = true
		}
	}
	for row := range entryPoints {
		if !attacked[row] {
			t.Errorf("no way in of the program leads to the row %q", row)
		}
	}
	// Each kind of way in is noticed: without its row, the comparison fails.
	for _, way := range []string{"tool retry_run", "generator prompt_chain", "kind tree", "engine PrepareRun", "route /mcp", "command run"} {
		fewer := maps.Clone(waysIn)
		delete(fewer, way)
		if missing, _ := compare(found, fewer); !slices.Equal(missing, []string{way}) {
			t.Errorf("without the row of %s: %q", way, missing)
		}
	}
}

// compare returns what is found without a row, and rows that are not found.
func compare(found []string, rows map[string][]string) (missing, gone []string) {
	for _, way := range found {
		if _, ok := rows[way]; !ok {
			missing = append(missing, way)
		}
	}
	for way := range rows {
		if !slices.Contains(found, way) {
			gone = append(gone, way)
		}
	}
	return missing, gone
}

// published returns the tools of the server with and without discovery, and the
// executors that call others.
func published(t *testing.T) []string {
	t.Helper()
	ways := map[string]bool{}
	for _, discovery := range []bool{false, true} {
		s := open(t, app.WithStore("memory"), app.WithPolicy(policy.Config{Audit: policy.Audit{Off: true}}), app.WithSelection(app.Selection{Discovery: discovery}))
		for _, tool := range s.Parts().Tools.Tools() {
			if _, ok := s.Registry().Lookup(tool.Name); ok {
				ways["tool of an executor"] = true
			} else {
				ways["tool "+tool.Name] = true
			}
		}
		for _, executor := range s.Registry().All() {
			if def := executor.Definition(); def.Toolset == "generators" {
				ways["generator "+def.ID] = true
			}
		}
	}
	return slices.Collect(maps.Keys(ways))
}

// kinds returns the kinds of user-made executors.
func kinds(t *testing.T) (ways []string) {
	t.Helper()
	text, err := os.ReadFile("../../executors/external/run.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := yaml.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for kind := range all {
		ways = append(ways, "kind "+kind)
	}
	return ways
}

// methods returns the methods of the engine.
func methods() (ways []string) {
	engine := reflect.TypeFor[chain.Engine]()
	for i := range engine.NumMethod() {
		ways = append(ways, "engine "+engine.Method(i).Name)
	}
	return ways
}

// routes returns the patterns that the source of the transports registers.
func routes(t *testing.T) (ways []string) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(filepath.Dir(path), "test") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"net/http"` }) {
			return nil
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}
			if method, ok := call.Fun.(*ast.SelectorExpr); !ok || method.Sel.Name != "Handle" && method.Sel.Name != "HandleFunc" {
				return true
			}
			pattern := path + ": a pattern that is no text" // a way in of its own
			switch arg := call.Args[0].(type) {
			case *ast.BasicLit:
				pattern, _ = strconv.Unquote(arg.Value)
			case *ast.Ident:
				if arg.Name == "Path" {
					pattern = "/mcp"
				}
			}
			ways = append(ways, "route "+pattern)
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ways
}

// commands returns the commands in the list of interfaces, which
// TestGoldenInterfaces compares with the program.
func commands(t *testing.T) (ways []string) {
	t.Helper()
	text, err := os.ReadFile("../../testdata/interfaces.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range regexp.MustCompile(`(?m)^chainwright ([a-z]+(?:-[a-z]+)*(?: [a-z]+(?:-[a-z]+)*)*)`).FindAllStringSubmatch(string(text), -1) {
		ways = append(ways, "command "+line[1])
	}
	return ways
}

// A tool that is no executor and starts no call is in waysIn without rows, so
// the tools for runs that change nothing must say so.
func TestWaysInThatCallNothingOnlyRead(t *testing.T) {
	t.Parallel()
	s := open(t, unrecorded...)
	for _, tool := range s.Parts().Tools.Tools() {
		if rows, ok := waysIn["tool "+tool.Name]; ok && rows == nil && !tool.Annotations.ReadOnly && tool.Name != tools.CancelRun {
			t.Errorf("%s may change something, and no row attacks it", tool.Name)
		}
	}
}
