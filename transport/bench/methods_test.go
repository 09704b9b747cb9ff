package bench

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tags are those of a release: grpc's page of traces comes with html/template.
const tags = "grpcnotrace"

// goBuild builds the program as make build does.
func goBuild(ldflags, program string) *exec.Cmd {
	build := exec.Command("go", "build", "-trimpath", "-tags", tags, "-ldflags", ldflags, "-o", program, "github.com/chainwright/chainwright")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	return build
}

// TestTheLinkerLeavesOutUnusedMethods sees that nothing in the program looks up
// methods by name. With a single such place the linker has to keep every
// method of every type, since any of them might be meant: 12 MB more, which
// every start pays for and every idle server holds on to.
func TestTheLinkerLeavesOutUnusedMethods(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("links the program")
	}
	build := goBuild("-s -w -dumpdep", filepath.Join(t.TempDir(), "chainwright.exe"))
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

// findReflectedMethod reads what -dumpdep prints, a line for each symbol with
// the one that it was first reached from, and gives the way from main to the
// first that looks up methods, how many symbols there were, and what else was
// printed.
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

// TestReleasesAreBuiltWithTheTags holds what builds the program to the tags
// that the test above and the benchmarks build it with.
func TestReleasesAreBuiltWithTheTags(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Makefile", "Dockerfile"} {
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		require.NoError(t, err)
		require.Contains(t, string(text), tags, name)
	}
}
