package main

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
)

// prerelease is what may follow the number of a version here.
var prerelease = regexp.MustCompile(`^(\d+\.\d+\.\d+)(?:-(dev|alpha|beta|rc)\.?(\d+))?$`)

// pep440 writes a semantic version as Python does.
func pep440(version string) (string, error) {
	parts := prerelease.FindStringSubmatch(version)
	if parts == nil {
		return "", fmt.Errorf("version %q: must be X.Y.Z, and may end with -dev.N, -alpha.N, -beta.N or -rc.N", version)
	}
	kind := map[string]string{"": "", "dev": ".dev", "alpha": "a", "beta": "b", "rc": "rc"}[parts[2]]
	return parts[1] + kind + parts[3], nil
}

// wheel makes the package for PyPI: the program as a script, and no Python.
func wheel(p platform, version string, program []byte) (string, []byte, error) {
	version, err := pep440(version)
	if err != nil {
		return "", nil, err
	}
	about, err := files.ReadFile("README.md")
	if err != nil {
		return "", nil, err
	}
	var tags strings.Builder
	for tag := range strings.SplitSeq(p.wheel, ".") {
		tags.WriteString("Tag: py3-none-" + tag + "\n")
	}
	info := fmt.Sprintf("%s-%s.dist-info/", project, version)
	list := []file{
		{fmt.Sprintf("%s-%s.data/scripts/%s", project, version, p.program()), 0o755, program},
		{info + "METADATA", 0o644, fmt.Appendf(nil, "Metadata-Version: 2.1\nName: %s\nVersion: %s\nSummary: %s\nHome-page: %s\nLicense: Apache-2.0\n"+
			"Project-URL: Source, %[4]s\nKeywords: mcp,mcp-server,workflow,automation\nRequires-Python: >=3.8\nDescription-Content-Type: text/markdown\n\n%[5]s", project, version, summary, home, about)},
		{info + "WHEEL", 0o644, []byte("Wheel-Version: 1.0\nGenerator: chainwright-packager\nRoot-Is-Purelib: false\n" + tags.String())},
	}
	var record strings.Builder
	for _, f := range list {
		sum := sha256.Sum256(f.content)
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", f.name, base64.RawURLEncoding.EncodeToString(sum[:]), len(f.content))
	}
	record.WriteString(info + "RECORD,,\n")
	content, err := zipped(append(list, file{info + "RECORD", 0o644, []byte(record.String())}))
	return fmt.Sprintf("%s-%s-py3-none-%s.whl", project, version, p.wheel), content, err
}
