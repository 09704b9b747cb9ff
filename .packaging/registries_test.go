package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// TestNPM installs the packages from a registry on this machine.
func TestNPM(t *testing.T) {
	dist, version := made(t)
	asked := map[string]bool{}
	files := http.FileServer(http.Dir(filepath.Join(dist, "packages", "npm")))
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".tgz") {
			files.ServeHTTP(w, r)
			return
		}
		asked[strings.TrimPrefix(r.URL.Path, "/")] = true
		all, err := filepath.Glob(filepath.Join(dist, "packages", "npm", "*.tgz"))
		must(t, err)
		for _, path := range all {
			var m map[string]any
			decode(t, packageJSON(t, path), &m)
			if "/"+m["name"].(string) == r.URL.Path {
				m["dist"] = map[string]string{"tarball": server.URL + "/" + filepath.Base(path)}
				w.Header().Set("Content-Type", "application/json")
				_ = json.NewEncoder(w).Encode(map[string]any{"name": m["name"], "dist-tags": map[string]string{"latest": version}, "versions": map[string]any{version: m}})
				return
			}
		}
		http.NotFound(w, r) // a platform that was not built
	})
	server.Start()
	t.Cleanup(server.Close)
	folder := t.TempDir()
	runs(t, clean(t, nil, "npm", "install", "--prefix", folder, "--registry", server.URL, "--no-audit", "--no-fund", project))
	works(t, version, func(args ...string) *exec.Cmd {
		return clean(t, nil, filepath.Join(folder, "node_modules", ".bin", project), args...)
	})
	installed, err := filepath.Glob(filepath.Join(folder, "node_modules", "@chainwright", "*"))
	must(t, err)
	if len(installed) != 1 || filepath.Base(installed[0]) != "linux-x64" {
		t.Errorf("installed: %v", installed)
	}

	// The launcher passes on exit codes and signals, and says what is missing.
	launcher := filepath.Join(folder, "node_modules", ".bin", project)
	var failed *exec.ExitError
	if err := clean(t, nil, launcher, "nothing").Run(); !errors.As(err, &failed) || failed.ExitCode() != 2 {
		t.Errorf("wrong usage: %v", err)
	}
	stops(t, clean(t, nil, launcher, "serve", "--addr", "127.0.0.1:0"))
	must(t, os.RemoveAll(installed[0]))
	said, err := clean(t, nil, launcher, "version").CombinedOutput()
	if !errors.As(err, &failed) || !strings.Contains(string(said), "@chainwright/linux-x64 is not installed") {
		t.Errorf("without its program: %v: %s", err, said)
	}
}

// stops starts a server, asks it by SIGTERM to end once it listens, and waits.
func stops(t *testing.T, command *exec.Cmd) {
	t.Helper()
	out, err := command.StderrPipe()
	must(t, err)
	must(t, command.Start())
	said := make([]byte, 0, 4096)
	for part := make([]byte, 1024); !bytes.Contains(said, []byte("127.0.0.1")); {
		n, err := out.Read(part)
		if said = append(said, part[:n]...); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	must(t, command.Process.Signal(os.Signal(terminate)))
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after SIGTERM: %v: %s", err, said)
		}
	case <-time.After(time.Minute):
		_ = command.Process.Kill()
		t.Error("SIGTERM does not reach the program")
		<-ended
	}
}

// TestImage runs the image that a registry on this machine serves, in a container
// engine of its own.
func TestImage(t *testing.T) {
	dist, version := made(t)
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	at := strings.TrimPrefix(server.URL, "http://") + "/chainwright/chainwright:" + strings.ReplaceAll(version, "+", "-")
	path, err := layout.FromPath(filepath.Join(dist, "oci"))
	must(t, err)
	whole, err := path.ImageIndex()
	must(t, err)
	list, err := whole.IndexManifest()
	must(t, err)
	index, err := whole.ImageIndex(list.Manifests[0].Digest)
	must(t, err)
	ref, err := name.ParseReference(at)
	must(t, err)
	must(t, remote.WriteIndex(ref, index))

	host := engine(t)
	docker := func(args ...string) *exec.Cmd {
		return clean(t, nil, "docker", append([]string{"-H", host}, args...)...)
	}
	runs(t, docker("pull", "--quiet", at))
	labels := runs(t, docker("inspect", "--format", `{{index .Config.Labels "io.modelcontextprotocol.server.name"}} {{.Config.User}}`, at))
	if strings.TrimSpace(labels) != fmt.Sprintf("%s %d:%d", serverName, imageUser, imageUser) {
		t.Errorf("label and user: %s", labels)
	}
	works(t, version, func(args ...string) *exec.Cmd {
		return docker(append([]string{"run", "-i", "--rm", "--network=none", at}, args...)...)
	})
}

// engine starts dockerd, without changes to the firewall.
func engine(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cw") // a socket's path must be short
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(t, os.WriteFile(filepath.Join(dir, "empty.json"), []byte("{}"), 0o600))
	host := "unix://" + filepath.Join(dir, "s")
	var said bytes.Buffer
	command := exec.Command("dockerd", "--config-file="+filepath.Join(dir, "empty.json"), "--data-root="+filepath.Join(dir, "root"), "--exec-root="+filepath.Join(dir, "exec"),
		"--pidfile="+filepath.Join(dir, "pid"), "--storage-driver=vfs", "--iptables=false", "--bridge=none", "-H", host)
	command.Stdout, command.Stderr = &said, &said
	must(t, command.Start())
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(terminate)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			_ = command.Process.Kill()
			<-ended
		}
	})
	for range 600 {
		if exec.CommandContext(t.Context(), "docker", "-H", host, "version").Run() == nil {
			return host
		}
		select {
		case <-ended:
			t.Fatalf("dockerd ended: %s", said.String())
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatalf("dockerd does not answer")
	return ""
}

// TestGoInstall installs the module of the packages' commit as from a proxy, into an
// empty module cache. Its dependencies come from this machine's cache, or from the
// proxy that is configured.
func TestGoInstall(t *testing.T) {
	made(t)
	const path, version = "github.com/chainwright/chainwright", "v0.98.7"
	proxy := t.TempDir()
	folder := filepath.Join(proxy, filepath.FromSlash(path), "@v")
	must(t, os.MkdirAll(folder, 0o755))
	root, err := filepath.Abs("../.cache/release/source") // the clone of which the packages are made
	must(t, err)
	out, err := os.Create(filepath.Join(folder, version+".zip"))
	must(t, err)
	must(t, zip.CreateFromVCS(out, module.Version{Path: path, Version: version}, root, "HEAD", ""))
	must(t, out.Close())
	must(t, os.WriteFile(filepath.Join(folder, version+".mod"), read(t, filepath.Join(root, "go.mod")), 0o600))
	must(t, os.WriteFile(filepath.Join(folder, version+".info"), []byte(`{"Version":"`+version+`"}`), 0o600))
	must(t, os.WriteFile(filepath.Join(folder, "list"), []byte(version+"\n"), 0o600))
	setting := func(name string) string {
		return strings.TrimSpace(runs(t, exec.CommandContext(t.Context(), "go", "env", name)))
	}
	bin, cache := t.TempDir(), t.TempDir()
	install := clean(t, []string{
		"GOPROXY=file://" + proxy + ",file://" + setting("GOMODCACHE") + "/cache/download," + setting("GOPROXY"),
		"GONOSUMDB=" + path, "GOSUMDB=" + setting("GOSUMDB"), "GOTOOLCHAIN=local", "GOFLAGS=-modcacherw",
		"GOMODCACHE=" + cache, "GOCACHE=" + setting("GOCACHE"), "GOBIN=" + bin, "CGO_ENABLED=0",
	}, "go", "install", "-trimpath", "-tags", "grpcnotrace", path+"@latest")
	runs(t, install)
	works(t, strings.TrimPrefix(version, "v"), func(args ...string) *exec.Cmd { return clean(t, nil, filepath.Join(bin, project), args...) })
}
