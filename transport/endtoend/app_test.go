package endtoend

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/transport/app"
)

// TestApp uses the App in Inspector, as testdata/app/app.mjs does it: see make
// test-app.
func TestApp(t *testing.T) {
	modules := os.Getenv("CHAINWRIGHT_TEST_APP")
	if modules == "" {
		t.Skip("it takes a browser and Inspector: make test-app")
	}
	home := t.TempDir()
	trees := filepath.Join(home, "trees")
	if err := os.Mkdir(trees, 0o700); err != nil {
		t.Fatal(err)
	}
	served := newSite(t, app.WithStore("memory"), app.WithDataDir(home), app.WithTrees(trees),
		app.WithPolicy(policy.Config{Command: policy.Command{Shell: true}, Confirm: policy.ConfirmNever, Audit: policy.Audit{Off: true}}))
	origin, _, _ := strings.Cut(served.link, "/#")
	images := t.TempDir()
	script, err := filepath.Abs("testdata/app/app.mjs")
	if err != nil {
		t.Fatal(err)
	}
	asked, err := json.Marshal(map[string]string{"server": origin + "/mcp", "large": served.large(t), "home": home, "images": images, "modules": modules, "chromium": os.Getenv("CHAINWRIGHT_TEST_CHROMIUM")})
	if err != nil {
		t.Fatal(err)
	}
	within, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(within, "node", script, string(asked)).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("app.mjs: %v", err)
		return
	}
	keepPictures(t, images)
}
