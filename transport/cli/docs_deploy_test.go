package cli

import (
	"bytes"
	"encoding/json"
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
	variables := settings()
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
				understood(t, s.Command)
			}
			require.Positive(t, ours)
			require.Len(t, networks, len(c.Networks), "a network is not used")
			require.Len(t, volumes, len(c.Volumes), "a volume is not used")
		})
	}
}

// settings are the variables that this program reads.
func settings() map[string]bool {
	variables := map[string]bool{config.Defaults().HTTP.TokenEnv: true}
	for _, key := range config.Keys() {
		variables["CHAINWRIGHT_"+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))] = true
	}
	return variables
}

// understood checks that this program has a command with its flags.
func understood(t *testing.T, command []string) {
	t.Helper()
	cmd, rest, err := newSession(t.Context(), streams{}, nil).root.Find(command)
	require.NoError(t, err, command)
	require.Equal(t, command[0], cmd.Name())
	require.NoError(t, cmd.ParseFlags(rest), command)
	require.Empty(t, cmd.Flags().Args(), command)
}

// TestUnitStartsTheServer checks the command and the variables of the systemd unit.
func TestUnitStartsTheServer(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs", "deploy", "chainwright.service"))
	require.NoError(t, err)
	started := false
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "ExecStart":
			started = true
			understood(t, strings.Fields(value)[1:])
		case "Environment":
			name, _, _ := strings.Cut(value, "=")
			require.True(t, settings()[name], "no setting has the variable %s", name)
		}
	}
	require.True(t, started)
}

// manifest is the part of a Kubernetes resource that names other things.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		Selector any
		Ports    []struct{ Name, TargetPort string }
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				Containers []struct {
					Args  []string
					Env   []struct{ Name string }
					Ports []struct{ Name string }

					VolumeMounts []struct{ Name, MountPath string }
				}
				Volumes []struct {
					Name      string
					ConfigMap struct{ Name string }

					PersistentVolumeClaim struct{ ClaimName string }
				}
			}
		}
	}
}

// TestManifestsNameWhatExists checks the files for Kubernetes: the command, the
// variables and the configuration are those of this program, and what they name is in
// them. `make test-deploy` checks them against the schemas of Kubernetes.
func TestManifestsNameWhatExists(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs", "deploy", "kubernetes.yaml"))
	require.NoError(t, err)
	found := map[string]manifest{}
	for part := range strings.SplitSeq(string(text), "\n---\n") {
		var generic any
		require.NoError(t, yamltext.Unmarshal([]byte(part), &generic))
		raw, err := json.Marshal(generic) // the names of fields are those of JSON
		require.NoError(t, err)
		var m manifest
		require.NoError(t, json.Unmarshal(raw, &m))
		found[m.Kind+" "+m.Metadata.Name] = m
	}
	pod := found["Deployment chainwright"].Spec.Template
	require.Len(t, pod.Spec.Containers, 1)
	container := pod.Spec.Containers[0]
	understood(t, container.Args)
	for _, each := range container.Env {
		require.True(t, settings()[each.Name], "no setting has the variable %s", each.Name)
	}
	mounted := map[string]string{}
	for _, each := range container.VolumeMounts {
		mounted[each.Name] = each.MountPath
	}
	for _, each := range pod.Spec.Volumes {
		require.NotEmpty(t, mounted[each.Name], each.Name)
		if name := each.ConfigMap.Name; name != "" {
			require.Contains(t, found, "ConfigMap "+name)
		}
		if name := each.PersistentVolumeClaim.ClaimName; name != "" {
			require.Contains(t, found, "PersistentVolumeClaim "+name)
		}
	}
	service := found["Service chainwright"].Spec
	require.Equal(t, container.Ports[0].Name, service.Ports[0].TargetPort)
	labels := map[string]any{}
	for name, value := range pod.Metadata.Labels {
		labels[name] = value
	}
	require.Equal(t, any(labels), service.Selector)

	// The configuration is one that doctor accepts.
	settings := filepath.Join(t.TempDir(), "chainwright.yaml")
	data := filepath.ToSlash(t.TempDir())
	require.NoError(t, os.WriteFile(settings, []byte(strings.ReplaceAll(found["ConfigMap chainwright"].Data["chainwright.yaml"], "/data", data)), 0o600))
	var out bytes.Buffer
	run(t.Context(), []string{"doctor", "--config", settings}, streams{strings.NewReader(""), &out, &out})
	require.NotContains(t, out.String(), "problems in the configuration", out.String())
	require.Contains(t, out.String(), "0.0.0.0:8080")
}
