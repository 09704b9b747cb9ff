package ssh_test

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/ssh"
)

// TestEchoedSecretsAreRedacted uses a host that echoes the secret everywhere.
func TestEchoedSecretsAreRedacted(t *testing.T) {
	t.Parallel()
	var cfg policy.Config
	newLab(t, func(_ *lab, given *policy.Config) { cfg = *given })
	vault := executortest.NewVault(t, cfg, policy.Secret{Hosts: []string{"web01"}}, ssh.New())
	for name, inputs := range map[string]map[string]any{
		"a variable":  {"command": executortest.EchoScript + "exit 3", "env": map[string]string{"KEY": executortest.Hole}},
		"its input":   {"command": "KEY=$(cat)\n" + executortest.EchoScript + "exit 3", "stdin": executortest.Hole},
		"an argument": {"command": []string{"sh", "-c", "KEY=$1\n" + executortest.EchoScript + "echo >&2; printf %s \"$1\" >&2; exit 3", "sh", executortest.Hole}},
		"a file":      {"command": "KEY=$(cat told)\n" + executortest.EchoScript, "upload": []map[string]string{{"to": "told", "content": executortest.Hole}}, "download": []map[string]string{{"from": "told"}}},
	} {
		inputs["host"] = "web01"
		outcome := vault.Call("ssh_executor", inputs)
		if strings.Count(string(outcome.Result), "[secret]") < 10 || (outcome.Err == nil) != (name == "a file") {
			t.Errorf("%s: %s, %+v", name, outcome.Result, outcome.Err)
		}
	}
}
