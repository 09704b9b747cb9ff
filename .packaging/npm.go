package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// manifest is a package.json.
type manifest struct {
	Name                 string            `json:"name"`
	Version              string            `json:"version"`
	Description          string            `json:"description"`
	MCPName              string            `json:"mcpName,omitempty"`
	Homepage             string            `json:"homepage"`
	Repository           map[string]string `json:"repository"`
	License              string            `json:"license"`
	Keywords             []string          `json:"keywords,omitempty"`
	Bin                  map[string]string `json:"bin,omitempty"`
	Files                []string          `json:"files"`
	Engines              map[string]string `json:"engines,omitempty"`
	OS                   []string          `json:"os,omitempty"`
	CPU                  []string          `json:"cpu,omitempty"`
	PreferUnplugged      bool              `json:"preferUnplugged,omitempty"`
	OptionalDependencies map[string]string `json:"optionalDependencies,omitempty"`
}

func (p platform) npmName() string { return "@" + project + "/" + strings.Join(p.npm, "-") }

func describe(name, version, description string) manifest {
	return manifest{
		Name: name, Version: version, Description: description, Homepage: home, License: "Apache-2.0",
		Repository: map[string]string{"type": "git", "url": "git+" + home + ".git"},
	}
}

// npmPlatform makes the package with the program for one platform. npm installs
// the one that fits, and runs no script.
func npmPlatform(p platform, version string, program []byte) (string, []byte, error) {
	m := describe(p.npmName(), version, "The program of the package "+project+" for "+strings.Join(p.npm, "-"))
	m.OS, m.CPU, m.Files, m.PreferUnplugged = p.npm[:1], p.npm[1:], []string{"bin"}, true
	text, err := indented(m)
	if err != nil {
		return "", nil, err
	}
	about := "# " + m.Name + "\n\n" + m.Description + ". Install [" + project + "](" + home + ") instead.\n"
	content, err := packed([]file{
		{"package/package.json", 0o644, text},
		{"package/README.md", 0o644, []byte(about)},
		{"package/bin/" + p.program(), 0o755, program},
	})
	return fmt.Sprintf("%s-%s-%s.tgz", project, strings.Join(p.npm, "-"), version), content, err
}

// npmMain makes the package that people install. It is the same for every platform.
func npmMain(_ platform, version string, _ []byte) (string, []byte, error) {
	m := describe(project, version, summary)
	m.MCPName, m.Keywords = serverName, []string{"mcp", "mcp-server", "workflow", "automation"}
	m.Bin, m.Files = map[string]string{project: "bin/launcher.js"}, []string{"bin"}
	m.Engines = map[string]string{"node": ">=18"}
	m.OptionalDependencies = map[string]string{}
	for _, p := range platforms {
		m.OptionalDependencies[p.npmName()] = version
	}
	text, err := indented(m)
	if err != nil {
		return "", nil, err
	}
	about, err := files.ReadFile("README.md")
	if err != nil {
		return "", nil, err
	}
	launcher, err := files.ReadFile("npm/launcher.js")
	if err != nil {
		return "", nil, err
	}
	content, err := packed([]file{
		{"package/package.json", 0o644, text},
		{"package/README.md", 0o644, about},
		{"package/bin/launcher.js", 0o755, launcher},
	})
	return fmt.Sprintf("%s-%s.tgz", project, version), content, err
}

// indented returns JSON for people.
func indented(value any) ([]byte, error) {
	var out bytes.Buffer
	to := json.NewEncoder(&out)
	to.SetEscapeHTML(false)
	to.SetIndent("", "  ")
	err := to.Encode(value)
	return out.Bytes(), err
}
