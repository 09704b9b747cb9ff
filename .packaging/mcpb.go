package main

import (
	"encoding/json"
	"fmt"
)

// bundled makes the MCP bundle for one platform.
func bundled(p platform, version string, program []byte) (string, []byte, error) {
	raw, err := files.ReadFile("mcpb/manifest.json")
	if err != nil {
		return "", nil, err
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		return "", nil, fmt.Errorf("reading mcpb/manifest.json: %w", err)
	}
	server, _ := m["server"].(map[string]any)
	start, _ := server["mcp_config"].(map[string]any)
	if start == nil {
		return "", nil, fmt.Errorf("mcpb/manifest.json has no server.mcp_config")
	}
	m["version"] = version
	server["entry_point"] = "server/" + p.program()
	start["command"] = "${__dirname}/server/" + p.program()
	m["compatibility"] = map[string]any{"platforms": p.npm[:1]}
	text, err := indented(m)
	if err != nil {
		return "", nil, err
	}
	content, err := zipped([]file{
		{"manifest.json", 0o644, text},
		{"server/" + p.program(), 0o755, program},
	})
	return bundleName(p, version), content, err
}

func bundleName(p platform, version string) string {
	return fmt.Sprintf("%s-%s-%s-%s.mcpb", project, version, p.os, p.arch)
}
