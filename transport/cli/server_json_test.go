package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"github.com/stretchr/testify/require"
)

// TestServerJSON checks what the MCP registry is told: by the schema of the
// registry, and by the commands and variables of this program.
func TestServerJSON(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.Compile(filepath.Join(root, "testdata", "schemas", "server-2025-12-11.json"))
	require.NoError(t, err)
	raw, err := os.ReadFile(filepath.Join(root, "server.json"))
	require.NoError(t, err)
	var whole any
	require.NoError(t, json.Unmarshal(raw, &whole))
	require.NoError(t, schema.Validate(whole))

	var server struct {
		Name, Version string
		Packages      []struct {
			RegistryType, Identifier, Version string
			PackageArguments                  []struct{ Value string }
			EnvironmentVariables              []struct{ Name string }
		}
	}
	require.NoError(t, json.Unmarshal(raw, &server))
	variables := map[string]bool{"CHAINWRIGHT_CONFIG": true, "CHAINWRIGHT_READ_ONLY": true, "ANTHROPIC_API_KEY": true, "OPENAI_API_KEY": true}
	kinds := map[string]int{}
	for _, each := range server.Packages {
		kinds[each.RegistryType]++
		switch each.RegistryType {
		case "npm", "pypi":
			require.Equal(t, server.Version, each.Version)
		default:
			require.Contains(t, each.Identifier, server.Version)
			require.Empty(t, each.Version, "the identifier has it")
		}
		if each.RegistryType != "mcpb" { // its manifest has the command
			require.Equal(t, "stdio", each.PackageArguments[0].Value)
		}
		for _, variable := range each.EnvironmentVariables {
			require.True(t, variables[variable.Name], "no setting has the variable %s", variable.Name)
		}
	}
	require.Equal(t, map[string]int{"npm": 1, "pypi": 1, "oci": 1, "mcpb": 6}, kinds)

	image, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	require.NoError(t, err)
	require.Contains(t, string(image), `LABEL io.modelcontextprotocol.server.name="`+server.Name+`"`)
}
