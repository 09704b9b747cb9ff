package peers

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// keycloakFolder is the environment variable that names the folder that Keycloak
// is installed in.
const keycloakFolder = "CHAINWRIGHT_TEST_KEYCLOAK"

// KeycloakAdmin is the name and the password of Keycloak's administrator.
const KeycloakAdmin = "admin"

// StartKeycloak starts Keycloak with a realm, and returns its address. It skips
// the test if Keycloak is not installed.
func StartKeycloak(t testing.TB, name string, realm []byte) string {
	t.Helper()
	folder := os.Getenv(keycloakFolder)
	if folder == "" {
		t.Skip("Keycloak is not installed: `make test-keycloak` installs it")
	}
	imports := filepath.Join(folder, "data", "import")
	if err := os.MkdirAll(imports, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(imports, name+".json"), realm, 0o600); err != nil {
		t.Fatal(err)
	}
	addr := freeAddress(t)
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	said := &output{}
	cmd := exec.Command("sh", filepath.Join(folder, "bin", "kc.sh"), "start-dev", "--db", "dev-mem", "--http-host", host, "--http-port", port, "--import-realm")
	cmd.Env = append(os.Environ(), "KC_BOOTSTRAP_ADMIN_USERNAME="+KeycloakAdmin, "KC_BOOTSTRAP_ADMIN_PASSWORD="+KeycloakAdmin)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = said, said, time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// kc.sh passes the signal on to Java, and waits for it. A killed one leaves
		// Java behind.
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			_ = cmd.Process.Kill()
		}
		_ = cmd.Wait()
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/realms/"+name, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			if res.Body.Close(); res.StatusCode == http.StatusOK {
				return "http://" + addr
			}
		}
		if ctx.Err() != nil {
			t.Fatalf("Keycloak does not start:\n%s", said)
		}
		time.Sleep(500 * time.Millisecond) //nolint:forbidigo // the server has no signal for this
	}
}
