package peers

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// apflowFolder is the environment variable that names the folder with a virtual
// environment for each version of apflow. If it is set, a version that is not
// there is a failure.
const apflowFolder = "CHAINWRIGHT_TEST_APFLOW"

// The versions of apflow that tests run: the last one of each generation.
const (
	ApflowTasks   = "0.18.2"
	ApflowModules = "0.24.0"
)

// Apflow is a running server of apflow.
type Apflow struct {
	// URL is its address.
	URL string

	command *exec.Cmd
}

// StartApflow starts a server for one test. With a secret it demands tokens that
// are signed with it (HS256). The calls of its tasks to HTTP addresses go to
// proxy. It skips the test if the version is not installed.
func StartApflow(tb testing.TB, version, secret, proxy string) *Apflow {
	tb.Helper()
	address := freeAddress(tb)
	home := tb.TempDir()
	s := &Apflow{URL: "http://" + address}
	host, port, _ := net.SplitHostPort(address)
	env := []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "HTTP_PROXY=" + proxy}
	switch version {
	case ApflowTasks:
		s.command = exec.Command(apflowProgram(tb, version, "apflow-server"))
		env = append(env, "APFLOW_API_HOST="+host, "APFLOW_API_PORT="+port)
		if secret != "" { // it reads the secret from this file only
			if err := os.WriteFile(filepath.Join(home, ".env"), []byte("APFLOW_JWT_SECRET="+secret+"\n"), 0o600); err != nil {
				tb.Fatal(err)
			}
		}
	default:
		s.command = exec.Command(apflowProgram(tb, version, "apflow"), "rest", "--host", host, "--port", port, "--db", "sqlite:///"+filepath.Join(home, "apflow.db"))
		if secret != "" {
			s.command.Args = append(s.command.Args, "--auth")
			env = append(env, "APFLOW_API_JWT_SECRET="+secret)
		}
	}
	s.command.Dir, s.command.Env = home, env
	start(tb, s.command, address)
	return s
}

func apflowProgram(tb testing.TB, version, name string) string {
	tb.Helper()
	folder, required := os.LookupEnv(apflowFolder)
	if !required {
		folder = filepath.Join(root(tb), ".cache", "apflow")
	}
	path := filepath.Join(folder, version, "bin", name)
	_, err := os.Stat(path)
	switch {
	case err != nil && required:
		tb.Fatalf("apflow %s is not installed: %v", version, err)
	case err != nil:
		tb.Skipf("apflow %s is not installed: `make test-apflow` installs it", version)
	}
	return path
}

// Kill ends the server at once.
func (s *Apflow) Kill() { _ = s.command.Process.Kill() }
