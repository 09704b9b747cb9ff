package app_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// outside is a complete program with its own executor.
const outside = `package main

import "context"
import "github.com/chainwright/chainwright/executors"
import "github.com/chainwright/chainwright/transport/app"

const definition = ` + "`{id: echo, title: Echo, description: Returns its inputs., toolset: own, annotations: {read_only: true, destructive: false, idempotent: true, open_world: false}, timeout: {default: 10, ceiling: 60}, input_schema: {type: object, properties: {text: {type: string, description: A text.}}}, output_schema: {type: object, properties: {text: {type: string}}}}`" + `

func main() {
	server, err := app.New(context.Background(), app.WithExecutors(executors.New(executors.MustParse(definition), echo)))
	if err != nil {
		panic(err)
	}
	_ = server.ServeStdio(context.Background())
}

func echo(_ context.Context, _ *executors.Call, in map[string]any) (map[string]any, error) {
	return in, nil
}
`

// TestProgramOutsideTheModule builds a program in another module, which can
// import only what other people's modules can, and calls its executor.
func TestProgramOutsideTheModule(t *testing.T) {
	t.Parallel()
	if lines := len(regexp.MustCompile(`(?m)^.+$`).FindAllString(outside, -1)); lines > 15 {
		t.Errorf("the program has %d lines; it should not take more than 15", lines)
	}
	module, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod -trimpath -tags="+peers.ChainwrightTags, "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	write("main.go", []byte(outside))
	run("go", "mod", "init", "example.com/outside")
	// The versions are those in the module cache, so that no registry is
	// contacted.
	have, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(module, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	_, requirements, _ := strings.Cut(string(have), "\n")
	write("go.mod", []byte("module example.com/outside\n"+requirements))
	write("go.sum", sums)
	run("go", "mod", "edit", "-require=github.com/chainwright/chainwright@v0.0.0", "-replace=github.com/chainwright/chainwright="+module)
	path := filepath.Join(dir, "outside")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	run("go", "build", "-o", path, ".")

	cmd := exec.CommandContext(t.Context(), path)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "LOCALAPPDATA="+dir)
	requests, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	replies, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(requests, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`)
	fmt.Fprintln(requests, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}`)
	lines := bufio.NewScanner(replies)
	for range 2 {
		lines.Scan()
	}
	if !strings.Contains(lines.Text(), `"structuredContent":{"status":"completed","result":{"text":"hello"}`) {
		t.Errorf("%s, %v", lines.Text(), lines.Err())
	}
	_ = requests.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("the program ended with %v", err)
	}
}
