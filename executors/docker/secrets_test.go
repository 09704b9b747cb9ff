//go:build unix

package docker_test

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/docker"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// TestEchoedSecretsAreRedacted runs a container that prints the secret.
func TestEchoedSecretsAreRedacted(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	cfg := policy.Config{Docker: policy.Docker{Images: []string{"tool:1"}, Host: l.engine.DaemonHost()}}
	vault := executortest.NewVault(t, cfg, policy.Secret{Executors: []string{"docker_executor"}}, docker.New())
	for name, inputs := range map[string]map[string]any{
		"a variable":  {"command": "tell", "env": map[string]string{"KEY": executortest.Hole}},
		"an argument": {"command": []string{"tell", executortest.Hole}},
	} {
		inputs["image"] = "tool:1"
		outcome := vault.Call("docker_executor", inputs)
		if outcome.Err == nil || outcome.Err.Code != "3" || strings.Count(string(outcome.Result), "[secret]") < 10 || !strings.Contains(outcome.Err.Message, "[secret]") {
			t.Errorf("%s: %s, %+v", name, outcome.Result, outcome.Err)
		}
	}
}
