package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/executors"
)

func TestGoldenDocsOfExecutors(t *testing.T) {
	p := documented(t)
	want := map[string]bool{}
	for _, each := range p.registry.All() {
		def := each.Definition()
		want[def.ID+".md"] = true
		keep(t, "docs/executors/"+def.ID+".md", executorPage(t, p.registry, def))
	}
	pages, err := os.ReadDir(filepath.Join(root, "docs", "executors"))
	require.NoError(t, err)
	for _, page := range pages {
		require.True(t, want[page.Name()], "docs/executors/%s belongs to no executor", page.Name())
	}
}

func executorPage(t *testing.T, registry *executors.Registry, def *executors.Definition) string {
	t.Helper()
	info := inform(registry, def)
	var page strings.Builder
	fmt.Fprintf(&page, "# %s: %s\n\n<!-- made by `make update` -->\n\n%s\n\n", def.ID, def.Title, wrap(def.Description, 120))
	if def.Details != "" {
		page.WriteString(wrap(def.Details, 120) + "\n\n")
	}
	if info.Open {
		page.WriteString("Open by default.")
	} else {
		fmt.Fprintf(&page, "Closed until `%s` opens it.", info.OpenedBy)
	}
	fmt.Fprintf(&page, " The default timeout of an attempt is %g seconds, the longest is %g. %s\n", info.Timeout, info.Ceiling, attempts(def))
	fmt.Fprintf(&page, "\n## Inputs\n%s", fieldTable(t, "input", info.Input))
	fmt.Fprintf(&page, "\n## Result\n%s", fieldTable(t, "field", info.Output))
	fmt.Fprintf(&page, "\n## Effects\n%s", effectTable(def))
	page.WriteString("\n## Examples\nA test runs each of them against the real thing; of the results it shows what is worth it.\n")
	for _, example := range info.Examples {
		fmt.Fprintf(&page, "\n### %s\n```json\n%s\n```\ngives\n```json\n%s\n```\n", example.Title, laid(t, example.Inputs, ""), laid(t, example.Result, ""))
	}
	return page.String()
}

// attempts describes the automatic retries of a failure.
func attempts(def *executors.Definition) string {
	if def.Retry.Never {
		return "A failed call is never retried, whatever the task's `retry` says."
	}
	if def.Retry.MaxAttempts < 2 {
		return "A failed call is not retried automatically."
	}
	return fmt.Sprintf("An idempotent call with a temporary failure is tried up to %d times.", def.Retry.MaxAttempts)
}

// effectTable lists the effects of the calls.
func effectTable(def *executors.Definition) string {
	var page strings.Builder
	page.WriteString("| calls | read-only | destructive | idempotent | open world |\n|---|---|---|---|---|\n")
	line := func(calls string, a executors.Annotations) {
		fmt.Fprintf(&page, "| %s | %s | %s | %s | %s |\n", cell(calls), yes(a.ReadOnly), yes(a.Destructive), yes(a.Idempotent), yes(a.OpenWorld))
	}
	for _, effect := range def.Effects {
		var when []string
		for _, name := range slices.Sorted(maps.Keys(effect.When)) {
			var values []string
			for _, value := range effect.When[name] {
				values = append(values, fmt.Sprint(value))
			}
			when = append(when, "`"+name+"` "+strings.Join(values, ", "))
		}
		line("with "+strings.Join(when, " and "), effect.Annotations)
	}
	if len(def.Effects) > 0 {
		line("all others", def.Annotations)
	} else {
		line("all", def.Annotations)
	}
	return page.String()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// laid formats JSON: values that fit into a line are on one line, and keys keep
// their order.
func laid(t *testing.T, raw json.RawMessage, indent string) string {
	t.Helper()
	const width = 110
	if len(indent)+len(raw) <= width || raw[0] != '{' && raw[0] != '[' {
		return string(raw)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	_, err := decoder.Token()
	require.NoError(t, err)
	var lines []string
	for decoder.More() {
		line := indent + "  "
		if raw[0] == '{' {
			key, err := decoder.Token()
			require.NoError(t, err)
			line += fmt.Sprintf("%q: ", key)
		}
		var value json.RawMessage
		require.NoError(t, decoder.Decode(&value))
		lines = append(lines, line+laid(t, value, indent+"  "))
	}
	return string(raw[0]) + "\n" + strings.Join(lines, ",\n") + "\n" + indent + string(raw[len(raw)-1])
}
