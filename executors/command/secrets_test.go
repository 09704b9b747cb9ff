//go:build unix

package command_test

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/command"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// A program prints a secret in every encoding. All of them are redacted.
func TestSecretsInOutputAreRedacted(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skipf("not installed: %v", err)
	}
	cfg := policy.Config{Command: policy.Command{Programs: []policy.Program{{Path: shell, Env: []string{"KEY"}}}}}
	vault := executortest.NewVault(t, cfg, policy.Secret{Executors: []string{"command_executor"}}, command.New())
	for name, inputs := range map[string]map[string]any{
		"a variable":  {"command": []string{"sh", "-c", executortest.EchoScript + "exit 3"}, "env": map[string]string{"KEY": executortest.Hole}},
		"its input":   {"command": []string{"sh", "-c", "KEY=$(cat)\n" + executortest.EchoScript + "exit 3"}, "stdin": executortest.Hole},
		"an argument": {"command": []string{"sh", "-c", "KEY=$1\n" + executortest.EchoScript + "exit 3", "sh", executortest.Hole}},
	} {
		outcome := vault.Call("command_executor", inputs)
		if outcome.Err == nil || outcome.Err.Code != "3" || strings.Count(string(outcome.Result), "[secret]") < 10 || !strings.Contains(outcome.Err.Message, "[secret]") {
			t.Errorf("%s: %s, %+v", name, outcome.Result, outcome.Err)
		}
	}
}

// An output that is cut in the middle of a secret is redacted too.
func TestCutSecretsAreRedacted(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skipf("not installed: %v", err)
	}
	const most = 8 << 10
	cfg := policy.Config{Command: policy.Command{Programs: []policy.Program{{Path: shell, Env: []string{"KEY"}}}}, Limits: policy.Limits{OutputBytes: most}}
	vault := executortest.NewVault(t, cfg, policy.Secret{Executors: []string{"command_executor"}}, command.New())
	for before := most - 500; before < most; before += 5 {
		outcome := vault.Call("command_executor", map[string]any{
			"command": []string{"sh", "-c", `printf "%s%*s%s%10000s" "$KEY" $1 "" "$KEY" more`, "sh", strconv.Itoa(before)},
			"env":     map[string]string{"KEY": executortest.Hole},
		})
		if outcome.Err != nil || !strings.Contains(string(outcome.Result), `"truncated":true`) {
			t.Errorf("%s, %+v", outcome.Result, outcome.Err)
		}
	}
}
