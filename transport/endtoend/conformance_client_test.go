package endtoend

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// scenarioVariable is set by the conformance suite for the client that it starts.
const scenarioVariable = "MCP_CONFORMANCE_SCENARIO"

func TestMain(m *testing.M) {
	if os.Getenv(scenarioVariable) != "" && len(os.Args) == 3 {
		if err := callAsClient(os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// callAsClient has mcp_executor list the tools of a server of the suite, over a
// connection with an OAuth client.
func callAsClient(program, server string) (err error) {
	var given struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
		Key    string `json:"private_key_pem"`
	}
	if text := os.Getenv("MCP_CONFORMANCE_CONTEXT"); text != "" {
		if err := json.Unmarshal([]byte(text), &given); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "conformance-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	client := map[string]any{"client_id": given.ID, "client_secret_env": "CLIENT_SECRET"}
	if given.ID == "" { // a scenario that the client must refuse before it is asked who it is
		client["client_id"], given.Secret = "me", "secret-0123456789"
	}
	if given.Key != "" {
		file := filepath.Join(dir, "key.pem")
		if err := os.WriteFile(file, []byte(given.Key), 0o600); err != nil {
			return err
		}
		delete(client, "client_secret_env")
		client["key_file"] = file
	}
	settings, err := yaml.Marshal(map[string]any{"store": "memory", "executors_dir": "none", "policy": map[string]any{
		"audit":         map[string]any{"off": true},
		"oauth_clients": map[string]any{"suite": client},
		"connections":   map[string]any{"server": map[string]any{"kind": "mcp", "url": server, "oauth": "suite"}},
	}})
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "settings.yaml")
	if err := os.WriteFile(file, settings, 0o600); err != nil {
		return err
	}
	cmd := exec.Command(program, "--config", file, "call", "mcp_executor", "--inputs", `{"transport": "http", "url": "server", "operation": "list_tools"}`)
	cmd.Env = append(os.Environ(), "CLIENT_SECRET="+given.Secret, "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// TestConformanceOfTheOAuthClient runs the scenarios of the suite for clients that
// apply to a client without a browser. The others log a person in: they ask for an
// authorization code (metadata-*, basic-cimd, scope-*, token-endpoint-auth-*,
// pre-registration, offline-access-*, iss-*, authorization-server-migration,
// 2025-03-26-*), or test extensions that mcp_executor does not have (dpop,
// dpop-nonce, wif-jwt-bearer, enterprise-managed-authorization).
func TestConformanceOfTheOAuthClient(t *testing.T) {
	t.Parallel()
	suite := peers.FindProgram(t, "conformance")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := self + " " + peers.Chainwright(t)
	for _, scenario := range []string{"auth/client-credentials-basic", "auth/client-credentials-jwt", "auth/resource-mismatch", "auth/metadata-issuer-mismatch"} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			code, out, errs := suite.Run(t, "client", "--command", command, "--scenario", scenario)
			if code != 0 || strings.Contains(out, "FAILURE") {
				t.Errorf("exit %d\n%s\n%s", code, out, errs)
			}
		})
	}
}
