package peers

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// NPM finds a program that was installed from npm: in the folder that
// CHAINWRIGHT_TEST_NPM names, in the cache of `make test`, or on PATH. Where it is
// not there the test is skipped.
func NPM(tb testing.TB, name string) string {
	tb.Helper()
	_, file, _, _ := runtime.Caller(0)
	cache := filepath.Join(filepath.Dir(file), "..", "..", "..", ".cache", "node")
	for _, folder := range []string{os.Getenv("CHAINWRIGHT_TEST_NPM"), cache} {
		path := filepath.Join(folder, "node_modules", ".bin", name)
		if _, err := os.Stat(path); folder != "" && err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		tb.Skipf("%s is not installed: `make test` installs it where npm is, or set CHAINWRIGHT_TEST_NPM to a folder that has it", name)
	}
	return path
}
