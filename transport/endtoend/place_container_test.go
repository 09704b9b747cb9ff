//go:build unix

package endtoend

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// containers is an engine with an image of Python.
func containers(t *testing.T, work string) *place {
	host := peers.StartDocker(t)
	load := exec.Command("docker", "-H", host, "import", "-", "python:3.11")
	load.Stdin = python(t)
	said, err := load.CombinedOutput()
	require.NoError(t, err, "%s", said)
	write(t, filepath.Join(work, "scripts", "orders.csv"), "id,total\n1,12.5\n2,30\n3,7\n4,9.99\n5,11\n")
	write(t, filepath.Join(work, "scripts", "count.py"), `import csv, os
totals = [float(row["total"]) for row in csv.DictReader(open("/app/orders.csv"))]
limit = float(os.environ["LIMIT"])
print(f"{sum(total > limit for total in totals)} of {len(totals)} orders are over {limit:g}")
`)
	for _, dir := range []string{work, filepath.Dir(work)} {
		require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // containers run as nobody
	}
	return &place{settings: policyOf(map[string]any{
		"docker": map[string]any{"images": []any{"python:3.11"}, "host": host}, "files": folder(work),
	})}
}

// loaded lists the files that Python loads for a script.
const loaded = `
import csv, json, os, site, sys, sysconfig
print(sys.executable)
print(os.path.join(sysconfig.get_path("platstdlib"), "lib-dynload", ""))
for module in list(sys.modules.values()):
    if getattr(module, "__file__", None):
        print(module.__file__)
`

// python is a file system with this machine's Python and nothing else.
func python(t *testing.T) io.Reader {
	t.Helper()
	text, err := exec.Command("python3", "-I", "-c", loaded).Output()
	if err != nil {
		t.Skipf("python3 does not run here, and the image is made of it: %v", err)
	}
	paths := strings.Fields(string(text))
	libraries, err := exec.Command("ldd", paths[0]).Output()
	if err != nil {
		t.Skipf("python3 can't be put into an image: ldd: %v", err)
	}
	for _, word := range strings.Fields(string(libraries)) {
		if strings.HasPrefix(word, "/") {
			paths = append(paths, word)
		}
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	add := func(header *tar.Header, content []byte) {
		header.Size = int64(len(content))
		require.NoError(t, w.WriteHeader(header))
		_, err := w.Write(content)
		require.NoError(t, err)
	}
	known := map[string]bool{}
	var folders func(path string)
	folders = func(path string) {
		if path = filepath.Dir(path); path != "/" && !known[path] {
			known[path] = true
			folders(path)
			add(&tar.Header{Name: path[1:], Typeflag: tar.TypeDir, Mode: 0o755}, nil)
		}
	}
	folders("/usr/local/bin/python")
	add(&tar.Header{Name: "usr/local/bin/python", Typeflag: tar.TypeSymlink, Linkname: paths[0]}, nil)
	for _, path := range paths {
		if folders(path); !known[path] && !strings.HasSuffix(path, "/") {
			known[path] = true
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			add(&tar.Header{Name: path[1:], Typeflag: tar.TypeReg, Mode: 0o755}, content)
		}
	}
	require.NoError(t, w.Close())
	return &archive
}
