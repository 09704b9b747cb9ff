package endtoend

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/transport/internal/config"
)

// interfacesFile lists everything that users and programs depend on.
// CHANGELOG.md names every intended change of it.
const interfacesFile = "../../testdata/interfaces.txt"

// TestGoldenInterfaces compares the program's interfaces with the golden list.
// The list is read from the running program if possible, so that it only
// changes when an interface changes.
func TestGoldenInterfaces(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	section := func(title string, lines []string) {
		require.NotEmpty(t, lines, title)
		fmt.Fprintf(&list, "\n== %s\n%s\n", title, strings.Join(lines, "\n"))
	}
	list.WriteString("# The interfaces of chainwright: names, fields and codes that users and programs depend on.\n" +
		"# TestGoldenInterfaces in transport/endtoend writes this file (make update) and compares it.\n" +
		"# A field's line is its path and its types; * marks a required argument, [] an element, .* any key.\n")
	h := everythingOpened(t)
	toolLines, promptLines := h.publishedInterfaces(t)
	section("tools: arguments and results", toolLines)
	section("executors that are used inside trees only", h.innerExecutors(t, toolLines))
	section("prompts and resources", promptLines)
	section("a run: get_run; run, runs ID, retry and cancel with --json", fieldsOf(reflect.TypeFor[chain.RunView](), ""))
	section("a run in a list: list_runs", fieldsOf(reflect.TypeFor[chain.RunSummary](), "runs[]."))
	section("an event of a run", fieldsOf(reflect.TypeFor[chain.Event](), ""))
	section("JSON that commands print", h.printedJSON(t))
	section("fields of a task tree", h.treeFields(t))
	section("states of runs and tasks", constants(t, "chain", `^State$`, `.`))
	section("error types", constants(t, "executors", `^ErrorType$`, `.`))
	section("codes of problems and warnings of validation, and of runs", constants(t, "chain", `^$`, `^[cC]ode[A-Z]`))
	section("error codes of executors", append(constants(t, "executors", `^$`, `^[cC]ode[A-Z]`), codesGiven(t)...))
	section("commands, arguments and flags", h.commandLines(t))
	section("exit codes", h.exitCodes(t))
	section("keys of chainwright.yaml", fieldsOf(reflect.TypeFor[config.Config](), ""))
	section("environment variables", variables(t))

	executortest.Golden(t, interfacesFile, []byte(list.String()))
}

// everythingOpened is a user whose policy opens every executor.
func everythingOpened(t *testing.T) home {
	t.Helper()
	work := t.TempDir()
	h := newHome(t, map[string]any{"log_level": "error", "executors_dir": "none", "policy": map[string]any{
		"command":     map[string]any{"programs": []any{map[string]any{"path": peers.Chainwright(t)}}},
		"files":       folder(work),
		"databases":   map[string]any{"caller_dsn": true},
		"connections": map[string]any{"mail": map[string]any{"kind": "smtp", "host": "mail.example.com"}},
		"ssh":         map[string]any{"hosts": []any{"web01"}},
		"docker":      map[string]any{"images": []any{"python:3.11"}},
	}})
	h.variables = []string{"OPENAI_BASE_URL=http://127.0.0.1:1/v1"}
	return h
}

// publishedInterfaces lists what an MCP client can call, with all arguments and
// results: with a tool for each executor, and with discovery. The published part
// of the schemas is in testdata/tools.
func (h home) publishedInterfaces(t *testing.T) (tools, rest []string) {
	t.Helper()
	listed := map[string][]string{}
	others := map[string]bool{}
	for _, discovery := range []string{"false", "true"} {
		other := h
		other.variables = append(slices.Clone(h.variables), "CHAINWRIGHT_DISCOVERY="+discovery)
		c := other.stdio(t)
		published, err := c.Tools(t.Context())
		require.NoError(t, err)
		for _, tool := range published {
			answer, err := c.Call(t.Context(), "describe_executor", map[string]any{"executor": tool.Name})
			require.NoError(t, err)
			var whole struct {
				Result struct {
					InputSchema  map[string]any `json:"input_schema"`
					OutputSchema map[string]any `json:"output_schema"`
				}
			}
			require.NoError(t, json.Unmarshal(answer, &whole))
			listed[tool.Name] = append(schemaLines(whole.Result.InputSchema, "  ", true), schemaLines(whole.Result.OutputSchema, "  -> result.", false)...)
		}
		prompts, err := c.Prompts(t.Context())
		require.NoError(t, err)
		for _, raw := range prompts {
			var prompt struct {
				Name      string
				Arguments []struct {
					Name     string
					Required bool
				}
			}
			reread(t, raw, &prompt)
			line := "prompt " + prompt.Name
			for _, argument := range prompt.Arguments {
				line += " " + argument.Name
				if argument.Required {
					line += "*"
				}
			}
			others[line] = true
		}
		templates, err := c.ResourceTemplates(t.Context())
		require.NoError(t, err)
		for _, raw := range templates {
			var template struct{ URITemplate string }
			reread(t, raw, &template)
			others["resource template "+template.URITemplate] = true
		}
		resources, err := c.Resources(t.Context())
		require.NoError(t, err)
		for _, raw := range resources {
			var resource struct{ URI string }
			reread(t, raw, &resource)
			if name, ok := strings.CutPrefix(resource.URI, "executor://"); !ok || listed[name] == nil {
				others["resource "+resource.URI] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		tools = append(append(tools, name), listed[name]...)
	}
	return tools, slices.Sorted(maps.Keys(others))
}

// innerExecutors lists the executors that are not published as tools.
func (h home) innerExecutors(t *testing.T, published []string) (lines []string) {
	t.Helper()
	var list struct {
		Executors []struct {
			ID     string         `json:"id"`
			Input  map[string]any `json:"input_schema"`
			Output map[string]any `json:"output_schema"`
		} `json:"executors"`
	}
	h.printed(t, 0, &list, "executors", "--json")
	for _, each := range list.Executors {
		if !slices.Contains(published, each.ID) {
			lines = append(append(append(lines, each.ID), schemaLines(each.Input, "  ", true)...), schemaLines(each.Output, "  -> ", false)...)
		}
	}
	return lines
}

// printed runs a command and decodes the JSON that it prints.
func (h home) printed(t *testing.T, exit int, into any, arguments ...string) {
	t.Helper()
	out, code := h.command(t, arguments...)
	require.Equal(t, exit, code, "%q", arguments)
	require.NoError(t, json.Unmarshal([]byte(out), into), "%q: %s", arguments, out)
}

var (
	helpCommand = regexp.MustCompile(`(?m)^  ([a-z]+(?: [a-z-]+)?)(?:   |\n)`)
	helpFlag    = regexp.MustCompile(`(?m)^\s+(?:(-\w), +)?(--[a-z][a-z-]*)(=\S+)?`)
	helpUsage   = regexp.MustCompile(`(?m)^Usage: (.*)$`)
)

// commandLines lists all commands with their arguments and flags, from their
// helps.
func (h home) commandLines(t *testing.T) (lines []string) {
	t.Helper()
	whole, _ := h.command(t, "--help")
	whole, names, ok := strings.Cut(whole, "\nCommands:\n")
	require.True(t, ok, whole)
	describe := func(help string) {
		usage := helpUsage.FindStringSubmatch(help)
		require.NotNil(t, usage, help)
		lines = append(lines, usage[1])
		_, flags, _ := strings.Cut(help, "\nFlags:\n")
		own, _, _ := strings.Cut(flags, "\nFlags of every command:\n")
		lines = append(lines, flagLines(own)...)
	}
	describe(whole)
	_, global, _ := strings.Cut(whole, "\nFlags of every command:\n")
	lines = append(append(lines, "flags of every command"), flagLines(global)...)
	for _, match := range helpCommand.FindAllStringSubmatch(names, -1) {
		help, code := h.command(t, append(strings.Fields(match[1]), "--help")...)
		require.Zero(t, code)
		describe(help)
	}
	return lines
}

func flagLines(help string) (lines []string) {
	for _, match := range helpFlag.FindAllStringSubmatch(help, -1) {
		lines = append(lines, strings.TrimRight("  "+match[2]+match[3]+" "+match[1], " "))
	}
	return lines
}

// variables lists the environment variables that the program reads: those of
// configuration keys, and the others.
func variables(t *testing.T) (lines []string) {
	t.Helper()
	refusal := func(name string) string {
		_, err := config.Load(config.Sources{Environ: []string{"HOME=/nowhere", "APPDATA=/nowhere", "LOCALAPPDATA=/nowhere", name + "=?"}, Dir: t.TempDir()})
		if err == nil {
			return ""
		}
		reason, _, _ := strings.Cut(strings.ReplaceAll(err.Error(), name, "NAME"), ";")
		return reason
	}
	unknown := refusal("CHAINWRIGHT_NO_SUCH_SETTING")
	require.NotEmpty(t, unknown)
	known := func(name string) bool { return refusal(name) != unknown }
	for _, key := range config.Keys() {
		name := "CHAINWRIGHT_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
		last := "CHAINWRIGHT_" + strings.ToUpper(key[strings.LastIndex(key, ".")+1:])
		switch {
		case known(name):
			lines = append(lines, name+": "+key)
		case known(last):
			lines = append(lines, last+": "+key)
		default:
			t.Errorf("no variable sets %s", key)
		}
	}
	seen := map[string]bool{}
	for _, name := range []string{"CHAINWRIGHT_CONFIG", "CHAINWRIGHT_PROCESS"} {
		require.True(t, known(name), name)
		seen[name] = true
	}
	for _, name := range literals(t, regexp.MustCompile(`^(CHAINWRIGHT|OPENAI|ANTHROPIC|OLLAMA)_[A-Z_]*[A-Z]$`)) {
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, name+": ") }) {
			seen[name] = true
		}
	}
	return append(lines, slices.Sorted(maps.Keys(seen))...)
}
