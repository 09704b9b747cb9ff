package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/transport/internal/config"
)

// root is the module's folder, from this package.
const root = "../.."

// documented is a program with the default policy, as a new installation has
// it.
func documented(t *testing.T, change ...func(*config.Config)) *program {
	t.Helper()
	cfg := &config.Loaded{Config: config.Defaults()}
	cfg.Store = "memory"
	cfg.LLM.Provider = llm.None // ignore the models of this machine
	for _, each := range change {
		each(&cfg.Config)
	}
	p, err := assemble(t.Context(), cfg, zerolog.Nop(), builtin.All())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.close(context.Background())) })
	return p
}

// keep compares a generated page with the one in the repository.
func keep(t *testing.T, name, text string) {
	t.Helper()
	executortest.Golden(t, filepath.Join(root, filepath.FromSlash(name)), []byte(text))
}

func TestGoldenDocsOfTools(t *testing.T) {
	p := documented(t)
	list, total, err := price(t.Context(), p.tools)
	require.NoError(t, err)
	discovery := documented(t, func(c *config.Config) { c.Discovery = true })
	found, small, err := price(t.Context(), discovery.tools)
	require.NoError(t, err)

	var page strings.Builder
	fmt.Fprintf(&page, "# Tools\n\n<!-- made by `make update` -->\n\nEach open executor is a tool with its id as the name; its page is under [executors](executors). "+
		"With nothing opened, %s cost about %d00 tokens; with `--discovery`, %s cost about %d00.\n\n",
		plural(len(list), "tool"), (total+50)/100, plural(len(found), "tool"), (small+50)/100)
	page.WriteString(toolTable(p))
	for _, tool := range merged(list, found) {
		if _, isExecutor := p.registry.Lookup(tool.Name); !isExecutor {
			fmt.Fprintf(&page, "\n## %s\n%s\n\n%s", tool.Name, wrap(tool.Description, 120), fieldTable(t, "input", tool.whole))
		}
	}
	keep(t, "docs/tools.md", page.String())
}

// merged adds the tools of a second list that are missing in the first.
func merged(list, more []priced) []priced {
	seen := map[string]bool{}
	for _, tool := range list {
		seen[tool.Name] = true
	}
	for _, tool := range more {
		if !seen[tool.Name] {
			list = append(list, tool)
		}
	}
	return list
}

// toolTable lists the tools, with links to the pages of executors.
func toolTable(p *program) string {
	var page strings.Builder
	page.WriteString("| tool | what it does | calls | open |\n|---|---|---|---|\n")
	for _, each := range p.registry.All() {
		def := each.Definition()
		open := "yes"
		if setting, closed := p.registry.Closed(def.ID); closed {
			open = "`" + strings.SplitN(setting, ":", 2)[0] + "`"
		} else if _, published := p.tools.Lookup(def.ID); !published {
			open = "inside trees"
		} else if def.OnRequest {
			open = "yes; listed if `tools` or `toolsets` names it"
		}
		fmt.Fprintf(&page, "| [`%s`](executors/%s.md) | %s | %s | %s |\n", def.ID, def.ID, def.Title, effect(def.Annotations), open)
	}
	for _, tool := range p.tools.Tools() {
		if _, isExecutor := p.registry.Lookup(tool.Name); !isExecutor {
			fmt.Fprintf(&page, "| `%s` | %s | %s | yes |\n", tool.Name, tool.Title, effect(tool.Annotations))
		}
	}
	return page.String()
}

func fieldTable(t *testing.T, what string, schema json.RawMessage) string {
	t.Helper()
	fields, required, err := properties(schema)
	require.NoError(t, err)
	var page strings.Builder
	fmt.Fprintf(&page, "| %s | type | default | meaning |\n|---|---|---|---|\n", what)
	for _, field := range fields {
		name := "`" + field.name + "`"
		if required[field.name] {
			name += " *"
		}
		fallback := ""
		if len(field.Default) > 0 {
			fallback = "`" + string(field.Default) + "`"
		}
		fmt.Fprintf(&page, "| %s | %s | %s | %s |\n", name, cell(field.kind()), cell(fallback), cell(field.Description))
	}
	return page.String()
}

// cell escapes a text for a cell of a Markdown table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", "\\|")
}

func TestGoldenDocsOfCommands(t *testing.T) {
	var page strings.Builder
	page.WriteString("# Commands\n\n<!-- made by `make update` -->\n")
	root := newSession(t.Context(), streams{}, nil).root
	show := func(title string, args ...string) {
		var out bytes.Buffer
		code := run(t.Context(), append(args, "--help"), streams{strings.NewReader(""), &out, &out})
		require.Equal(t, exitDone, code)
		fmt.Fprintf(&page, "\n## %s\n```text\n%s\n```\n", title, strings.TrimSpace(trimLines(out.String())))
	}
	show("chainwright")
	for _, command := range leaves(root) {
		show(strings.Join(words(command), " "), words(command)...)
	}
	keep(t, "docs/commands.md", page.String())
}

// TestGoldenPictureOfTheDemo draws the tree that the demo plans, for the README.
func TestGoldenPictureOfTheDemo(t *testing.T) {
	t.Setenv("CHAINWRIGHT_LLM_PROVIDER", "none")
	home := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "APPDATA", "LOCALAPPDATA"} {
		t.Setenv(name, home)
	}
	plan := filepath.Join(home, "plan.json")
	var out, picture, errs bytes.Buffer
	code := run(t.Context(), []string{"generate", "task-tree", strings.TrimSpace(demoSentence), "--provider", "builtin", "--output", plan}, streams{strings.NewReader(""), &out, &errs})
	require.Equal(t, exitDone, code, errs.String())
	code = run(t.Context(), []string{"graph", plan, "--format", "svg"}, streams{strings.NewReader(""), &picture, &errs})
	require.Equal(t, exitDone, code, errs.String())
	keep(t, "docs/images/demo.svg", picture.String())
}

func trimLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// TestTheTreesOfTheDocumentsAreValid validates every tree in the documents.
func TestTheTreesOfTheDocumentsAreValid(t *testing.T) {
	t.Parallel()
	p := documented(t)
	found := 0
	for name, page := range documents(t) {
		for _, text := range fenced(page, "yaml tree", "json tree") {
			found++
			tree, report := parse.Parse([]byte(text), p.registry, parse.Options{})
			require.Empty(t, report.Problems, "%s: %s", name, text)
			require.NotNil(t, tree, name)
		}
	}
	require.Greater(t, found, 20)
}

// fenced returns the code blocks of a page with the given info string.
func fenced(page string, kinds ...string) []string {
	var blocks []string
	for _, kind := range kinds {
		for rest := page; ; {
			_, after, ok := strings.Cut(rest, "```"+kind+"\n")
			if !ok {
				break
			}
			block, left, _ := strings.Cut(after, "\n```")
			blocks, rest = append(blocks, block), left
		}
	}
	return blocks
}

// TestTheGuideToTheConfigurationIsWhole checks that docs/configuration.md lists
// every setting.
func TestTheGuideToTheConfigurationIsWhole(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile(filepath.Join(root, "docs", "configuration.md"))
	require.NoError(t, err)
	for _, key := range config.Keys() {
		require.Contains(t, string(guide), "| `"+key+"` |", "docs/configuration.md does not tell of %s", key)
	}
}
