package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// writeServer writes DIST/server.json for the MCP registry: server.json of the
// repository with the version and the checksums of this release.
func writeServer(dist, version string) error {
	raw, err := os.ReadFile(filepath.Join(dist, "..", "server.json"))
	if err != nil {
		return err
	}
	var server map[string]any
	if err := json.Unmarshal(raw, &server); err != nil {
		return fmt.Errorf("reading server.json: %w", err)
	}
	python, err := pep440(version)
	if err != nil {
		return err
	}
	before, _ := server["version"].(string)
	server["version"] = version
	packages, _ := server["packages"].([]any)
	for _, each := range packages {
		one, _ := each.(map[string]any)
		identifier, _ := one["identifier"].(string)
		identifier = strings.ReplaceAll(identifier, before, version)
		one["identifier"] = identifier
		switch one["registryType"] {
		case "npm":
			one["version"] = version
		case "pypi":
			one["version"] = python
		case "mcpb":
			content, err := os.ReadFile(filepath.Join(dist, "packages", "mcpb", path.Base(identifier)))
			if errors.Is(err, fs.ErrNotExist) {
				continue // only some platforms were built
			}
			if err != nil {
				return err
			}
			sum := sha256.Sum256(content)
			one["fileSha256"] = hex.EncodeToString(sum[:])
		}
	}
	text, err := indented(server)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dist, "server.json"), text, 0o644)
}
