package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/chainwright/chainwright"

// ChainwrightTags are the build tags of a release. grpc's page of traces, which
// they leave out, needs html/template.
const ChainwrightTags = "grpcnotrace"

// BuildChainwright returns a command that builds chainwright with the flags of
// `make build`. A build with other flags would compile all dependencies again,
// which takes minutes.
func BuildChainwright(path, ldflags string, tags ...string) *exec.Cmd {
	all := strings.Join(append([]string{ChainwrightTags}, tags...), " ")
	build := exec.Command("go", "build", "-trimpath", "-tags", all, "-ldflags", ldflags, "-o", path, module)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	return build
}

// Chainwright builds chainwright if that is necessary, and returns its path. The
// tests of all packages share the file: go build links it again only if the
// source has changed.
func Chainwright(tb testing.TB) string {
	tb.Helper()
	path, err := built()
	if err != nil {
		tb.Fatalf("building the program: %v", err)
	}
	return path
}

// ChainwrightTemporal builds the program that has the engine on Temporal as well.
func ChainwrightTemporal(tb testing.TB) string {
	tb.Helper()
	path, err := builtTemporal()
	if err != nil {
		tb.Fatalf("building the program: %v", err)
	}
	return path
}

var (
	built         = sync.OnceValues(func() (string, error) { return build("chainwright") })
	builtTemporal = sync.OnceValues(func() (string, error) { return build("chainwright-temporal", "temporal") })
)

func build(name string, tags ...string) (string, error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	folder := filepath.Join(strings.TrimSpace(string(root)), ".cache", "program")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return "", err
	}
	path := filepath.Join(folder, name)
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	build := BuildChainwright(path, "-s -w", tags...)
	// On the same file system go build renames the new file, so that tests of
	// other packages never start a file that is half written.
	build.Env = append(build.Env, "GOTMPDIR="+folder)
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, text)
	}
	return path, nil
}
