package peers

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// temporalFolder is the environment variable that names the folder of the program
// temporal. If it is set, a program that is not there is a failure.
const temporalFolder = "CHAINWRIGHT_TEST_TEMPORAL"

// Temporal is a Temporal server that can be killed and started again: its state is
// in a file.
type Temporal struct {
	// Addr is the address, as host:port.
	Addr string

	program, file string
	process       *exec.Cmd
	output        *output
}

// output is what a process prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// StartTemporal starts a server for one test. The namespace is default.
func StartTemporal(t testing.TB) *Temporal {
	t.Helper()
	folder, required := os.LookupEnv(temporalFolder)
	if !required {
		folder = filepath.Join(root(t), ".cache", "temporal")
	}
	program := filepath.Join(folder, "temporal")
	_, err := os.Stat(program)
	switch {
	case err != nil && required:
		t.Fatalf("the program temporal is not installed: %v", err)
	case err != nil:
		t.Skip("the program temporal is not installed: `make test-temporal` installs it")
	}
	s := &Temporal{Addr: freeAddress(t), program: program, file: filepath.Join(t.TempDir(), "temporal.db")}
	t.Cleanup(func() { s.Kill(t) })
	s.Start(t)
	return s
}

// Start starts the server again.
func (s *Temporal) Start(t testing.TB) {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	s.output = &output{}
	s.process = exec.Command(s.program, "server", "start-dev", "--headless", "--ip", host, "--port", port, "--db-filename", s.file, "--log-level", "error")
	s.process.Stdout, s.process.Stderr = s.output, s.output
	if err := s.process.Start(); err != nil {
		t.Fatalf("starting %s: %v", s.program, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		check := exec.CommandContext(ctx, s.program, "operator", "namespace", "describe", "default", "--address", s.Addr)
		if check.Run() == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("the Temporal server does not start:\n%s", s.output)
		}
		time.Sleep(100 * time.Millisecond) //nolint:forbidigo // the server has no signal for this
	}
}

// Kill kills the server, if it runs.
func (s *Temporal) Kill(t testing.TB) {
	t.Helper()
	if s.process == nil {
		return
	}
	if err := s.process.Process.Kill(); err != nil {
		t.Errorf("killing the Temporal server: %v", err)
	}
	_ = s.process.Wait() // it was killed
	s.process = nil
	if t.Failed() {
		t.Logf("the server said:\n%s", s.output)
	}
}
