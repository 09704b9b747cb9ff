package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// These tests install each package of dist/, as `make release-snapshot` made it,
// in an empty folder, and use it. `make test-packages` sets the variable and
// installs what they need; without it they are skipped.

// made returns dist/ and the version in it.
func made(t *testing.T) (dist, version string) {
	t.Helper()
	dist = os.Getenv("CHAINWRIGHT_TEST_PACKAGES")
	if dist == "" {
		t.Skip("CHAINWRIGHT_TEST_PACKAGES is not set: run make test-packages")
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the packages are installed on linux/amd64")
	}
	var meta struct{ Version string }
	decode(t, read(t, filepath.Join(dist, "metadata.json")), &meta)
	return dist, meta.Version
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	must(t, err)
	return raw
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func decode(t *testing.T, raw []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
}

// clean returns a command in an empty folder with an empty HOME, and only the
// variables that are given.
func clean(t *testing.T, env []string, program string, args ...string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, args...)
	command.Dir = t.TempDir()
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	return command
}

// run runs a command and returns what it prints on stdout.
func runs(t *testing.T, command *exec.Cmd) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("%s: %v\n%s\n%s", command, err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// works starts an installed program several times: it must tell the version and
// list its tools, with nothing configured. Command makes the command for some
// arguments.
func works(t *testing.T, version string, command func(args ...string) *exec.Cmd) {
	t.Helper()
	var told struct{ Version, Platform string }
	decode(t, []byte(runs(t, command("version", "--json"))), &told)
	if told.Version != version || told.Platform != "linux/amd64" {
		t.Errorf("version --json says %+v, and the package is version %s", told, version)
	}
	lists(t, version, command("stdio"))
}

// lists does the handshake with a server on stdio, asks for its tools, and ends it
// by closing stdin.
func lists(t *testing.T, version string, command *exec.Cmd) []string {
	t.Helper()
	var stderr bytes.Buffer
	command.Stderr = &stderr
	in, err := command.StdinPipe()
	must(t, err)
	out, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	lines := bufio.NewReader(out)
	answer := func(request string, into any) {
		t.Helper()
		_, err := io.WriteString(in, request+"\n")
		must(t, err)
		line, err := lines.ReadBytes('\n')
		if err != nil {
			_ = command.Process.Kill()
			_ = command.Wait()
			t.Fatalf("%s: no answer: %v\n%s", command, err, stderr.String())
		}
		decode(t, line, into)
	}
	var hello struct {
		Result struct {
			ServerInfo struct{ Name, Version string }
		}
	}
	answer(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`, &hello)
	if hello.Result.ServerInfo.Version != version {
		t.Errorf("the server says %+v, and the package is version %s", hello, version)
	}
	_, err = io.WriteString(in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n")
	must(t, err)
	var list struct {
		Result struct{ Tools []struct{ Name string } }
	}
	answer(`{"jsonrpc":"2.0","id":2,"method":"tools/list"}`, &list)
	must(t, in.Close())
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("%s ends with %v\n%s", command, err, stderr.String())
		}
	case <-time.After(time.Minute):
		_ = command.Process.Kill()
		t.Errorf("%s does not end when stdin does\n%s", command, stderr.String())
		<-ended
	}
	var names []string
	for _, tool := range list.Result.Tools {
		names = append(names, tool.Name)
	}
	if len(names) < 10 || !strings.Contains(strings.Join(names, " "), "run_task_tree") {
		t.Errorf("the tools are %v", names)
	}
	return names
}

// one returns the only file that matches.
func one(t *testing.T, parts ...string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(parts...))
	must(t, err)
	if len(found) != 1 {
		t.Fatalf("%s: %d files", filepath.Join(parts...), len(found))
	}
	return found[0]
}

func TestArchive(t *testing.T) {
	dist, version := made(t)
	folder := t.TempDir()
	runs(t, clean(t, nil, "tar", "xzf", one(t, dist, "*_linux_amd64.tar.gz"), "-C", folder))
	for _, name := range []string{"LICENSE", "README.md", "INSTALL.md", "CHANGELOG.md"} {
		if len(read(t, filepath.Join(folder, name))) == 0 {
			t.Errorf("%s is empty", name)
		}
	}
	works(t, version, func(args ...string) *exec.Cmd { return clean(t, nil, filepath.Join(folder, project), args...) })
}

func TestChecksums(t *testing.T) {
	dist, _ := made(t)
	// The checksums name files without their folders, as they are downloaded.
	folder := t.TempDir()
	count := 0
	must(t, filepath.WalkDir(dist, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if kind := filepath.Ext(path); strings.Contains(".gz .zip .deb .rpm .json .tgz .whl .mcpb", kind) && kind != "" && !strings.HasPrefix(path, filepath.Join(dist, "oci")) {
			count++
			return os.Link(path, filepath.Join(folder, filepath.Base(path)))
		}
		return nil
	}))
	check := clean(t, nil, "sha256sum", "--check", "--strict", filepath.Join(dist, "checksums.txt"))
	check.Dir = folder
	if lines := strings.Count(runs(t, check), ": OK"); lines < 7 {
		t.Errorf("only %d of %d files have a checksum", lines, count)
	}
}

func TestSBOM(t *testing.T) {
	dist, _ := made(t)
	var bom struct {
		BomFormat  string
		Components []struct{ Name, Version string }
	}
	decode(t, read(t, one(t, dist, "*_linux_amd64.sbom.cdx.json")), &bom)
	found := false
	for _, each := range bom.Components {
		found = found || each.Name == "github.com/mark3labs/mcp-go"
	}
	if bom.BomFormat != "CycloneDX" || !found {
		t.Errorf("the SBOM names %d modules, and not mcp-go", len(bom.Components))
	}
}

func TestFormula(t *testing.T) {
	dist, version := made(t)
	formula := one(t, dist, "homebrew", "Formula", "chainwright.rb")
	text := string(read(t, formula))
	sums := string(read(t, filepath.Join(dist, "checksums.txt")))
	count := 0
	for line := range strings.Lines(sums) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if !strings.HasSuffix(name, ".tar.gz") {
			continue
		}
		count++
		if !strings.Contains(text, `/`+name+`"`) || !strings.Contains(text, sum) {
			t.Errorf("the formula does not name %s with its checksum", name)
		}
	}
	if count == 0 || !strings.Contains(text, `version "`+version+`"`) {
		t.Errorf("%d archives; the formula is\n%s", count, text)
	}
	runs(t, clean(t, nil, "ruby", "-c", formula))
}

func TestWheel(t *testing.T) {
	dist, version := made(t)
	folder := t.TempDir()
	runs(t, clean(t, nil, "python3", "-m", "venv", folder))
	wheels := filepath.Join(dist, "packages", "pypi")
	runs(t, clean(t, nil, filepath.Join(folder, "bin", "pip"), "install", "--no-index", "--find-links", wheels, "--pre", project))
	works(t, version, func(args ...string) *exec.Cmd { return clean(t, nil, filepath.Join(folder, "bin", project), args...) })
	all, err := filepath.Glob(filepath.Join(wheels, "*.whl"))
	must(t, err)
	if twine := os.Getenv("CHAINWRIGHT_TEST_TWINE"); twine != "" {
		runs(t, clean(t, nil, twine, append([]string{"check", "--strict"}, all...)...))
	}
	runs(t, clean(t, nil, filepath.Join(folder, "bin", "pip"), "uninstall", "-y", project))
	if _, err := os.Stat(filepath.Join(folder, "bin", project)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the removal: %v", err)
	}
}

func TestBundle(t *testing.T) {
	dist, version := made(t)
	modules := os.Getenv("CHAINWRIGHT_TEST_MCPB")
	if modules == "" {
		t.Skip("CHAINWRIGHT_TEST_MCPB, the folder with @anthropic-ai/mcpb, is not set: run make test-packages")
	}
	tool := filepath.Join(modules, "node_modules", ".bin", "mcpb")
	folder := t.TempDir()
	runs(t, clean(t, nil, tool, "unpack", one(t, dist, "packages", "mcpb", "*-linux-amd64.mcpb"), folder))
	runs(t, clean(t, nil, tool, "validate", filepath.Join(folder, "manifest.json")))
	packed := filepath.Join(t.TempDir(), "again.mcpb")
	runs(t, clean(t, nil, tool, "pack", folder, packed)) // the official tool packs the same folder

	data := t.TempDir()
	must(t, os.WriteFile(filepath.Join(data, "note.txt"), []byte("hello"), 0o600))
	for name, c := range map[string]struct {
		config string
		opened bool
	}{
		"nothing filled in": {config: `{}`},
		"folders and keys":  {config: fmt.Sprintf(`{"folders": [%q], "write": true, "read_only": false, "anthropic_api_key": "k"}`, data), opened: true},
	} {
		t.Run(name, func(t *testing.T) {
			script := fmt.Sprintf(`const { getMcpConfigForManifest } = require(%q);
const manifest = JSON.parse(require('fs').readFileSync(%q));
getMcpConfigForManifest({ manifest, extensionPath: %q, systemDirs: {}, userConfig: %s, pathSeparator: '/' }).then((c) => console.log(JSON.stringify(c)));`,
				filepath.Join(modules, "node_modules", "@anthropic-ai", "mcpb"), filepath.Join(folder, "manifest.json"), folder, c.config)
			var start struct {
				Command string
				Args    []string
				Env     map[string]string
			}
			decode(t, []byte(runs(t, clean(t, nil, "node", "-e", script))), &start)
			var env []string
			for name, value := range start.Env {
				env = append(env, name+"="+value)
			}
			names := strings.Join(lists(t, version, clean(t, env, start.Command, start.Args...)), " ")
			for _, tool := range []string{"file_reader", "file_writer", "llm_executor"} {
				if strings.Contains(names, tool) != c.opened {
					t.Errorf("%s: open is %v, and the tools are %s", tool, c.opened, names)
				}
			}
		})
	}
}

func TestDebianPackage(t *testing.T) {
	dist, version := made(t)
	if os.Getuid() != 0 {
		t.Fatal("dpkg needs root")
	}
	if _, err := os.Stat("/usr/bin/" + project); err == nil {
		t.Fatal("/usr/bin/chainwright exists: remove it first, for this test installs and removes the package")
	}
	t.Cleanup(func() { _ = exec.Command("dpkg", "--purge", project).Run() })
	runs(t, clean(t, nil, "dpkg", "-i", one(t, dist, "*_linux_amd64.deb")))
	works(t, version, func(args ...string) *exec.Cmd { return clean(t, nil, "/usr/bin/"+project, args...) })
	runs(t, clean(t, nil, "systemd-analyze", "verify", "/usr/lib/systemd/system/chainwright.service"))
	runs(t, clean(t, nil, "/usr/bin/"+project, "doctor", "--config", "/etc/chainwright/chainwright.yaml"))
	info, err := os.Stat("/etc/chainwright/chainwright.env")
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the token has the mode %v", info.Mode())
	}
	runs(t, clean(t, nil, "dpkg", "--remove", project))
	if _, err := os.Stat("/etc/chainwright/chainwright.yaml"); err != nil {
		t.Errorf("after the removal: %v", err)
	}
	runs(t, clean(t, nil, "dpkg", "--purge", project))
	for _, path := range []string{"/usr/bin/" + project, "/etc/chainwright/chainwright.yaml"} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("after the purge: %s: %v", path, err)
		}
	}
}

func TestRPM(t *testing.T) {
	dist, version := made(t)
	folder := t.TempDir()
	unpack := clean(t, nil, "sh", "-c", `rpm2cpio "$1" | cpio -idm --quiet --no-absolute-filenames`, "sh", one(t, dist, "*_linux_amd64.rpm"))
	unpack.Dir = folder
	runs(t, unpack)
	works(t, version, func(args ...string) *exec.Cmd {
		return clean(t, nil, filepath.Join(folder, "usr/bin", project), args...)
	})
}

// TestNothingRunsAtInstallation checks that no package of npm has a script.
func TestNothingRunsAtInstallation(t *testing.T) {
	dist, _ := made(t)
	all, err := filepath.Glob(filepath.Join(dist, "packages", "npm", "*.tgz"))
	must(t, err)
	for _, path := range all {
		if text := packageJSON(t, path); strings.Contains(string(text), `"scripts"`) {
			t.Errorf("%s: %s", path, text)
		}
	}
}

// packageJSON reads package.json of an npm package.
func packageJSON(t *testing.T, path string) []byte {
	t.Helper()
	small, err := gzip.NewReader(bytes.NewReader(read(t, path)))
	must(t, err)
	archive := tar.NewReader(small)
	for {
		header, err := archive.Next()
		must(t, err)
		if header.Name == "package/package.json" {
			text, err := io.ReadAll(archive)
			must(t, err)
			return text
		}
	}
}
