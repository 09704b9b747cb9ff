package bench

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// TestTheLinkerLeavesOutUnusedMethods checks that nothing in the program looks
// up methods by name. A single such place makes the linker keep every method of
// every type: 12 MB more, which slows every start and stays in the memory of
// every idle server.
func TestTheLinkerLeavesOutUnusedMethods(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("links the program")
	}
	build := peers.BuildChainwright(filepath.Join(t.TempDir(), "chainwright.exe"), "-s -w -dumpdep")
	output, err := build.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, build.Start())
	path, symbols, rest := findReflectedMethod(output)
	require.NoError(t, build.Wait(), rest)
	require.Greater(t, symbols, 10_000, "the linker tells of its symbols in another way now")
	if len(path) > 0 {
		t.Errorf("reflect's Method or MethodByName can be reached, and so the linker keeps all methods of all types: the program grows by a quarter, "+
			"starts later and takes more memory. Do without what calls it (text/template does, and parsers of command lines that call methods by name); "+
			"this is how it is reached:\n  %s", strings.Join(path, "\n  "))
	}
}

// findReflectedMethod reads the output of -dumpdep, a line for each symbol with
// the symbol that it was first reached from. It returns the path from main to
// the first symbol that looks up methods, the number of symbols, and the other
// output.
func findReflectedMethod(output io.Reader) (path []string, symbols int, rest string) {
	const mark = " <ReflectMethod>"
	reachedFrom := map[string]string{}
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		from, to, found := strings.Cut(lines.Text(), " -> ")
		if !found {
			rest += lines.Text() + "\n"
			continue
		}
		symbols++
		found = strings.Contains(to, mark) && len(path) == 0
		from, _, _ = strings.Cut(from, " <")
		to, _, _ = strings.Cut(to, " <")
		if _, known := reachedFrom[to]; !known {
			reachedFrom[to] = from
		}
		for at := to; found && at != "" && at != "_"; at = reachedFrom[at] {
			path = append(path, at)
		}
	}
	slices.Reverse(path)
	return path, symbols, rest
}

// TestReleasesAreBuiltWithTheTags checks that every build file uses the tags
// that all tests use.
func TestReleasesAreBuiltWithTheTags(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Makefile", "Dockerfile"} {
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		require.NoError(t, err)
		require.Contains(t, string(text), peers.ChainwrightTags, name)
	}
}
