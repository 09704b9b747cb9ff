package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	yamltext "go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/transport/internal/config"
)

// composition is the part of a file for Docker Compose that names other things.
type composition struct {
	Services map[string]struct {
		Image       string
		Command     []string
		Environment map[string]string
		Networks    []string
		Volumes     []string
		Ports       []string
		DependsOn   yamltext.Node `yaml:"depends_on"` // a list, or a mapping
		Configs     []struct{ Source, Target string }
	}
	Networks, Volumes, Configs map[string]any
}

// TestDeploymentsNameWhatExists checks the files in docs/deploy: what they name is in
// them, and the commands and variables are those of this program.
func TestDeploymentsNameWhatExists(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, "docs", "deploy", "compose*.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	variables := map[string]bool{config.Defaults().HTTP.TokenEnv: true}
	for _, key := range config.Keys() {
		variables["CHAINWRIGHT_"+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))] = true
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			var c composition
			require.NoError(t, yamltext.Unmarshal(text, &c))
			ours, networks, volumes := 0, map[string]bool{}, map[string]bool{}
			for name, s := range c.Services {
				for _, network := range s.Networks {
					networks[network] = true
					require.Contains(t, c.Networks, network, name)
				}
				for _, volume := range s.Volumes {
					source, _, _ := strings.Cut(volume, ":")
					volumes[source] = true
					require.Contains(t, c.Volumes, source, name)
				}
				for _, each := range s.Configs {
					require.Contains(t, c.Configs, each.Source, name)
				}
				for i, needed := range s.DependsOn.Content {
					if s.DependsOn.Kind == yamltext.SequenceNode || i%2 == 0 {
						require.Contains(t, c.Services, needed.Value, name)
					}
				}
				for _, port := range s.Ports {
					require.True(t, strings.HasPrefix(port, "127.0.0.1:"), "%s: other machines reach %s", name, port)
				}
				if !strings.Contains(s.Image, "/chainwright") {
					continue
				}
				ours++
				for variable := range s.Environment {
					require.True(t, variables[variable], "%s: no setting has the variable %s", name, variable)
				}
				cmd, rest, err := newSession(t.Context(), streams{}, nil).root.Find(s.Command)
				require.NoError(t, err, name)
				require.Equal(t, s.Command[0], cmd.Name())
				require.NoError(t, cmd.ParseFlags(rest), "%s: %v", name, s.Command)
				require.Empty(t, cmd.Flags().Args(), name)
			}
			require.Positive(t, ours)
			require.Len(t, networks, len(c.Networks), "a network is not used")
			require.Len(t, volumes, len(c.Volumes), "a volume is not used")
		})
	}
}
