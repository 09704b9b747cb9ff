package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// As the test's own process again, the program is what main makes it.
func TestMain(m *testing.M) {
	if os.Getenv("OWN_PROGRAM") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestOwnExecutorIsCalled(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "OWN_PROGRAM=1", "HOME="+home, "XDG_DATA_HOME="+home, "LOCALAPPDATA="+home)
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
	fmt.Fprintln(requests, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"greeting_executor","arguments":{"name":"Alice"}}}`)
	lines := bufio.NewScanner(replies)
	for range 2 {
		lines.Scan()
	}
	if !strings.Contains(lines.Text(), `"greeting":"Hello, Alice!"`) {
		t.Errorf("%s, %v", lines.Text(), lines.Err())
	}
	_ = requests.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("the program ended with %v", err)
	}
}
