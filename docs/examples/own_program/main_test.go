package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// As the test's own process again, the program is what main makes it.
func TestMain(m *testing.M) {
	if os.Getenv("OWN_PROGRAM") != "" {
		main()
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
	cmd := exec.CommandContext(t.Context(), self, "call", "greeting_executor", "--store", "memory", "--inputs", `{"name": "Alice"}`)
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "OWN_PROGRAM=1", "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "APPDATA="+home, "LOCALAPPDATA="+home)
	out, err := cmd.Output()
	if err != nil || !strings.Contains(string(out), `"greeting":"Hello, Alice!"`) {
		t.Errorf("%s, %v", out, err)
	}
}
