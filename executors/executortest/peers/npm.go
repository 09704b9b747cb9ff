package peers

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// npmFolder is the environment variable that names the folder that npm packages
// are installed in. Without it, tests look in the folders that `make test`
// installs to.
const npmFolder = "CHAINWRIGHT_TEST_NPM"

// limit is how long one run of a program may take.
const limit = 5 * time.Minute

// Program is an installed program and the environment to run it in.
type Program struct {
	Path string
	env  []string
}

// FindProgram returns an installed program, from npm or on PATH. It skips the
// test if the program is not installed.
func FindProgram(tb testing.TB, name string) *Program {
	tb.Helper()
	for _, modules := range modules(tb) {
		path := filepath.Join(modules, ".bin", name)
		if _, err := os.Stat(path); err == nil {
			search := filepath.Join(modules, "node", "bin") + string(os.PathListSeparator) + os.Getenv("PATH")
			return &Program{Path: path, env: append(os.Environ(), "PATH="+search)}
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		tb.Skipf("%s is not installed: `make test` installs it where npm is, or set %s to a folder that has it", name, npmFolder)
	}
	return &Program{Path: path, env: os.Environ()}
}

// Modules returns the node_modules folder that the program is in.
func (p *Program) Modules() string { return filepath.Dir(filepath.Dir(p.Path)) }

// Run runs the program in a temporary folder and returns its exit code and
// its output.
func (p *Program) Run(tb testing.TB, args ...string) (code int, stdout, stderr string) {
	tb.Helper()
	ctx, done := context.WithTimeout(tb.Context(), limit)
	defer done()
	cmd := exec.CommandContext(ctx, p.Path, args...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Dir, cmd.Env, cmd.WaitDelay = tb.TempDir(), p.env, 5*time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		tb.Fatalf("%s %v took longer than %s\n%s%s", p.Path, args, limit, out.String(), errs.String())
	}
	if err != nil && cmd.ProcessState == nil {
		tb.Fatalf("%s: %v", p.Path, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// modules returns the node_modules folders to search, in this order.
func modules(tb testing.TB) []string {
	tb.Helper()
	cache := filepath.Join(root(tb), ".cache")
	folders := []string{filepath.Join(cache, "node"), filepath.Join(cache, "suites")}
	if named := os.Getenv(npmFolder); named != "" {
		folders = append([]string{named}, folders...)
	}
	for i, folder := range folders {
		folders[i] = filepath.Join(folder, "node_modules")
	}
	return folders
}

// root returns the folder of go.mod. Tests run in the folder of their package.
func root(tb testing.TB) string {
	tb.Helper()
	folder, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			tb.Fatal("there is no go.mod above the folder of the test")
		}
		folder = parent
	}
}
