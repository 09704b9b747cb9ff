// Package npmtest finds what tests use from npm: MCP's conformance suite and
// inspector. They are installed outside of the source; where they are not,
// the tests that want them are skipped and say what to do.
package npmtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Folder names, through the environment, the folder that the modules were
// installed in.
const Folder = "CHAINWRIGHT_TEST_NPM"

// limit bounds one run of a tool.
const limit = 5 * time.Minute

// Tool is a program from npm, and the environment that it runs in.
type Tool struct {
	path string
	env  []string
}

// Find finds a program, or skips the test.
func Find(t testing.TB, name string) *Tool {
	t.Helper()
	for _, folder := range []string{os.Getenv(Folder), filepath.Join(root(), ".cache", "node")} {
		modules := filepath.Join(folder, "node_modules")
		path := filepath.Join(modules, ".bin", name)
		if folder == "" {
			continue
		}
		if _, err := os.Stat(path); err == nil {
			search := strings.Join([]string{filepath.Join(modules, "node", "bin"), os.Getenv("PATH")}, string(os.PathListSeparator))
			return &Tool{path: path, env: append(os.Environ(), "PATH="+search)}
		}
	}
	if path, err := exec.LookPath(name); err == nil {
		return &Tool{path: path, env: os.Environ()}
	}
	t.Skipf("%s is not installed: `make test` installs it where npm is, or set %s to a folder that has it", name, Folder)
	return nil
}

// Modules is the folder of modules that the program belongs to.
func (p *Tool) Modules() string { return filepath.Dir(filepath.Dir(p.path)) }

// root is the folder of the module.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Run runs the program in a folder of its own and gives its exit code and
// what it wrote.
func (p *Tool) Run(t testing.TB, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), limit)
	defer done()
	cmd := exec.CommandContext(ctx, p.path, args...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Dir, cmd.Env, cmd.WaitDelay = t.TempDir(), p.env, 5*time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s %v took longer than %s\n%s%s", p.path, args, limit, out.String(), errs.String())
	}
	if err != nil && cmd.ProcessState == nil {
		t.Fatalf("%s: %v", p.path, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}
