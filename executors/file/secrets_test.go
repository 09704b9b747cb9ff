package file_test

import (
	"encoding/json"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/file"
	"github.com/chainwright/chainwright/executors/policy"
)

// A secret that a caller wrote to a file is redacted when the file is read.
func TestSecretsInFilesAreRedacted(t *testing.T) {
	t.Parallel()
	cfg := policy.Config{Files: policy.Files{Roots: map[string]policy.Root{"work": {Path: t.TempDir(), Write: true}}}}
	vault := executortest.NewVault(t, cfg, policy.Secret{Executors: []string{"file_writer"}}, file.NewReader(), file.NewWriter())
	for path, content := range map[string]any{
		"a.txt": executortest.Hole, "a.json": map[string]any{"key " + executortest.Hole: []any{executortest.Hole}}, "a.csv": []any{map[string]any{"name": executortest.Hole}},
	} {
		inputs := map[string]any{"file_path": path, "content": content}
		if path != "a.txt" {
			inputs["format"] = path[2:]
		}
		written := executortest.Call(t, vault.Registry, "file_writer", asJSON(t, inputs))
		if written.Err != nil {
			t.Fatal(written.Err)
		}
		for _, format := range []string{"text", "base64", path[2:]} {
			if format == "txt" {
				continue
			}
			if outcome := vault.Call("file_reader", map[string]any{"file_path": path, "format": format}); outcome.Err != nil {
				t.Errorf("%s as %s: %v", path, format, outcome.Err)
			}
		}
	}
	for most := 20; most < len(executortest.Secret); most++ {
		vault.Call("file_reader", map[string]any{"file_path": "a.txt", "limit": most})
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
