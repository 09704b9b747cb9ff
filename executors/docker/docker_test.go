//go:build unix

package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/docker"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
)

func TestMain(m *testing.M) {
	if host := os.Getenv(childHost); host != "" {
		runUntilKilled(host)
		return
	}
	goleak.VerifyTestMain(m)
}

func TestDefinition(t *testing.T) {
	t.Parallel()
	executortest.Check(t, docker.New())
}

// lab is an engine with the image tool:1, and the executor.
type lab struct {
	registry *executors.Registry
	engine   *client.Client
	work     string
	logs     executors.Logs
}

func newLab(t *testing.T) *lab {
	t.Helper()
	host := peers.StartDocker(t)
	engine, err := client.New(client.WithHost(host))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	l := &lab{engine: engine, work: t.TempDir()}
	imported, err := engine.ImageImport(t.Context(), client.ImageImportSource{Source: image(t), SourceName: "-"}, "tool:1", client.ImageImportOptions{Changes: []string{`ENTRYPOINT ["/tool"]`}})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, imported)
	_ = imported.Close()
	l.registry = executortest.Registry(t, executortest.Policy(t, policy.Config{
		Docker: policy.Docker{Images: []string{"tool:1", "missing.invalid/none:1"}, Host: host},
		Files:  policy.Files{Roots: map[string]policy.Root{"work": {Path: l.work}, "engine": {Path: filepath.Dir(strings.TrimPrefix(host, "unix://"))}}},
	}), docker.New())
	return l
}

// image returns an image with a static program only.
func image(t *testing.T) io.Reader {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tool")
	build := exec.Command("go", "build", "-o", path, "./testdata/tool")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v: %s", err, out)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "tool", Mode: 0o755, Size: int64(len(program))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(program); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &archive
}

func (l *lab) call(ctx context.Context, t *testing.T, more string) (docker.Output, *executors.Error) {
	t.Helper()
	if !strings.Contains(more, `"image"`) {
		more = `"image": "tool:1", ` + more
	}
	resolved, refused := l.registry.ResolveInputs("docker_executor", json.RawMessage(`{`+more+`}`))
	if refused != nil {
		return docker.Output{}, refused
	}
	outcome := l.registry.Invoke(ctx, "docker_executor", &executors.Call{Inputs: resolved, Attempt: 1, Logs: l.logs}, 0)
	var out docker.Output
	if len(outcome.Result) > 0 {
		if err := json.Unmarshal(outcome.Result, &out); err != nil {
			t.Fatalf("the result %s: %v", outcome.Result, err)
		}
	}
	return out, outcome.Err
}

// containers returns the containers of the engine.
func (l *lab) containers(t *testing.T) []container.Summary {
	t.Helper()
	found, err := l.engine.ContainerList(context.Background(), client.ContainerListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	return found.Items
}

func TestContainers(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if err := os.WriteFile(filepath.Join(l.work, "data.txt"), []byte("from here"), 0o644); err != nil { //nolint:gosec // read by nobody
		t.Fatal(err)
	}
	if err := os.Chmod(l.work, 0o755); err != nil { //nolint:gosec // read by nobody
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		more   string
		stdout string // a part of it
		err    executors.ErrorType
		says   string
	}{
		"an array":                  {`"command": ["echo", "a  b", "$HOME", ";id"]`, "a  b|$HOME|;id\n", "", ""},
		"a string":                  {`"command": "echo 'a  b' c"`, "a  b|c\n", "", ""},
		"an exit code":              {`"command": ["exit", "3"]`, "", executors.ExecutionError, "exit code 3: why"},
		"a variable":                {`"command": ["env", "CITY"], "env": {"CITY": "Köln\n$(id)"}`, "Köln\n$(id)\n", "", ""},
		"a file to read":            {`"command": ["read", "/data/data.txt"], "volumes": {"work:": "/data"}`, "from here", "", ""},
		"one file to read":          {`"command": ["read", "/x"], "volumes": {"work:data.txt": "/x"}`, "from here", "", ""},
		"a file that is no text":    {`"command": ["binary"]`, "a\uFFFDb", "", ""},
		"mounts are not to write":   {`"command": ["write", "/data/new"], "volumes": {"work:": "/data"}`, "read-only file system", executors.ExecutionError, ""},
		"the root is not to write":  {`"command": ["write", "/new"]`, "read-only file system", executors.ExecutionError, ""},
		"/tmp is to write":          {`"command": ["write", "/tmp/new"]`, "", "", ""},
		"nobody":                    {`"command": "who"`, "Uid: 65534 65534 65534 65534\nGid: 65534 65534 65534 65534\n", "", ""},
		"no capabilities":           {`"command": "who"`, "CapEff: 0000000000000000\nCapBnd: 0000000000000000\n", "", ""},
		"no new privileges":         {`"command": "who"`, "NoNewPrivs: 1\n", "", ""},
		"somebody else":             {`"command": "who", "user": "1000:1001"`, "Uid: 1000 1000 1000 1000\nGid: 1001", "", ""},
		"no network":                {`"command": "net"`, "lo\n", "", ""},
		"no way out":                {`"command": ["dial", "1.1.1.1:53"]`, "unreachable", executors.ExecutionError, ""},
		"too much memory":           {`"command": "memory", "resources": {"memory": "32m"}`, "", executors.ExecutionError, "memory limit"},
		"too many processes":        {`"command": "fork", "resources": {"memory": "2g"}`, "resource temporarily unavailable", "", ""},
		"the variables of a shell":  {`"command": ["echo"], "env": {"A=B": "x"}`, "", executors.ValidationError, ""},
		"root":                      {`"command": "who", "user": "0"`, "", executors.ValidationError, ""},
		"root by name":              {`"command": "who", "user": "root"`, "", executors.ValidationError, ""},
		"root's group":              {`"command": "who", "user": "1000:0"`, "", executors.ValidationError, ""},
		"the host's network":        {`"command": "net", "network": "host"`, "", executors.ValidationError, ""},
		"another's network":         {`"command": "net", "network": "container:x"`, "", executors.ValidationError, ""},
		"a closed network":          {`"command": "net", "network": "bridge"`, "", executors.PermissionDenied, "network"},
		"privileged":                {`"command": "who", "privileged": true`, "", executors.ValidationError, ""},
		"a folder that is closed":   {`"command": "who", "volumes": {"/etc": "/data"}`, "", executors.PermissionDenied, "/etc"},
		"a way out of a folder":     {`"command": "who", "volumes": {"work:../..": "/data"}`, "", executors.PermissionDenied, ""},
		"the engine's socket":       {`"command": "who", "volumes": {"engine:s": "/data"}`, "", executors.PermissionDenied, "socket"},
		"the socket's folder":       {`"command": "who", "volumes": {"engine:": "/data"}`, "", executors.PermissionDenied, "socket"},
		"a mount with options":      {`"command": "who", "volumes": {"work:": "/data:rw"}`, "", executors.ValidationError, ""},
		"a mount over the root":     {`"command": "who", "volumes": {"work:": "//"}`, "", executors.ValidationError, ""},
		"a mount over the kernel's": {`"command": "who", "volumes": {"work:": "/proc/x"}`, "", executors.ValidationError, ""},
		"memory without a bound":    {`"command": "who", "resources": {"memory": "0"}`, "", executors.ValidationError, ""},
		"memory beyond all":         {`"command": "who", "resources": {"memory": "99999999999g"}`, "", executors.ValidationError, ""},
		"no CPU":                    {`"command": "who", "resources": {"cpu": "NaN"}`, "", executors.ValidationError, ""},
		"half a CPU":                {`"command": ["echo", "x"], "resources": {"cpu": 0.5}`, "x\n", "", ""},
		"another image":             {`"command": "who", "image": "alpine"`, "", executors.PermissionDenied, "alpine"},
		"an image not to pull":      {`"command": "who", "image": "missing.invalid/none:1", "pull": "never"`, "", executors.NotFound, ""},
		"an image not to be had":    {`"command": "who", "image": "missing.invalid/none:1"`, "", executors.NetworkError, ""},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := l.call(t.Context(), t, c.more)
			if c.err == "" && err != nil || c.err != "" && (err == nil || err.Type != c.err || !strings.Contains(err.Message, c.says)) {
				t.Fatalf("error %+v, want %q with %q; %+v", err, c.err, c.says, out)
			}
			if !strings.Contains(out.Logs.Stdout, c.stdout) {
				t.Errorf("got %+v, want %q", out, c.stdout)
			}
		})
	}
	if left := l.containers(t); len(left) > 0 {
		t.Errorf("left behind: %+v", left)
	}
	t.Run("faults", func(t *testing.T) { faults(t, l) })
	t.Run("gone", func(t *testing.T) { gone(t, l) })
	t.Run("killed", func(t *testing.T) { killed(t, l) })
	t.Run("endings", func(t *testing.T) { endings(t, l) })
}

// endings covers containers that do not end by themselves.
func endings(t *testing.T, l *lab) {
	out, err := l.call(t.Context(), t, `"command": ["sleep", "60"], "timeout": 2`)
	if err == nil || err.Type != executors.TimeoutError || out.Logs.Stdout != "begun\n" {
		t.Errorf("timeout: %+v, %+v", out, err)
	}
	out, err = l.call(t.Context(), t, `"command": "endless", "timeout": 2`)
	if err == nil || err.Type != executors.TimeoutError || !out.Truncated {
		t.Errorf("endless: %+v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil && !running(l) {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	if _, err = l.call(ctx, t, `"command": ["sleep", "60"]`); err == nil || err.Type != executors.Cancelled {
		t.Errorf("cancel: %+v", err)
	}
	if left := l.containers(t); len(left) > 0 {
		t.Errorf("left behind: %+v", left)
	}
	leftovers(t, l)
}

func running(l *lab) bool {
	found, err := l.engine.ContainerList(context.Background(), client.ContainerListOptions{})
	return err == nil && len(found.Items) > 0
}

// leftovers checks that a server removes the containers of a killed server, and
// no others.
func leftovers(t *testing.T, l *lab) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Skipf("not installed: %v", err)
	}
	later, earlier := strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10), strconv.FormatInt(time.Now().Add(-time.Hour).Unix(), 10)
	want := map[string]bool{}
	for name, c := range map[string]struct {
		labels map[string]string
		stays  bool
	}{
		"dead":      {map[string]string{"chainwright.owner": host + "/" + strconv.Itoa(gone.Process.Pid), "chainwright.until": later}, false},
		"overdue":   {map[string]string{"chainwright.owner": "elsewhere/1", "chainwright.until": earlier}, false},
		"alive":     {map[string]string{"chainwright.owner": host + "/" + strconv.Itoa(os.Getpid()), "chainwright.until": later}, true},
		"elsewhere": {map[string]string{"chainwright.owner": "elsewhere/1", "chainwright.until": later}, true},
		"kept":      {map[string]string{"chainwright.owner": "elsewhere/1"}, true},
		"foreign":   {nil, true},
	} {
		if _, err := l.engine.ContainerCreate(t.Context(), client.ContainerCreateOptions{Name: name, Config: &container.Config{Image: "tool:1", Cmd: []string{"echo"}, Labels: c.labels}}); err != nil {
			t.Fatal(err)
		}
		if c.stays {
			want["/"+name] = true
		}
	}
	// A new executor has not searched for leftovers yet.
	pol := executortest.Policy(t, policy.Config{Docker: policy.Docker{Images: []string{"tool:1"}, Host: l.engine.DaemonHost()}})
	if outcome := executortest.Run(t, docker.New(), `{"image": "tool:1", "command": "echo", "remove": false}`, pol); outcome.Err != nil {
		t.Fatal(outcome.Err)
	}
	kept := 0
	for _, each := range l.containers(t) {
		switch {
		case strings.HasPrefix(each.Names[0], "/chainwright-"):
			kept++
		case !want[each.Names[0]]:
			t.Errorf("%s is still there", each.Names[0])
		}
		delete(want, each.Names[0])
	}
	if len(want) > 0 || kept != 1 {
		t.Errorf("removed without need: %v; %d kept on purpose", want, kept)
	}
}

func TestNoEngine(t *testing.T) {
	t.Parallel()
	pol := executortest.Policy(t, policy.Config{Docker: policy.Docker{Images: []string{"tool:1"}, Host: "unix://" + filepath.Join(t.TempDir(), "none")}})
	outcome := executortest.Run(t, docker.New(), `{"image": "tool:1", "command": "echo"}`, pol)
	if outcome.Err == nil || outcome.Err.Type != executors.NetworkError || !strings.Contains(outcome.Err.Hint, "policy.docker.host") {
		t.Errorf("%+v", outcome.Err)
	}
	closed := executortest.Run(t, docker.New(), `{"image": "tool:1", "command": "echo"}`, nil)
	if closed.Err == nil || closed.Err.Type != executors.PermissionDenied {
		t.Errorf("%+v", closed.Err)
	}
}
