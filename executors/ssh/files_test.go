package ssh_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chainwright/chainwright/executors"
)

func TestFiles(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	binary := []byte{0, 1, 2, 0xff, 0xfe}
	if err := os.WriteFile(filepath.Join(l.work, "here"), binary, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := l.call(t.Context(), `{"host": "web01",
		"upload": [{"path": "work:here", "to": "there"}, {"content_base64": "AAE=", "to": "two bytes"}],
		"command": "cat there 'two bytes' > both; mkfifo pipe",
		"download": [{"from": "both", "path": "work:deep/both"}, {"from": "there"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	got, readErr := os.ReadFile(filepath.Join(l.work, "deep", "both"))
	if readErr != nil || string(got) != string(binary)+"\x00\x01" {
		t.Errorf("%q, %v", got, readErr)
	}
	if len(out.Downloaded) != 2 || out.Downloaded[1].ContentBase64 == nil || *out.Downloaded[1].ContentBase64 != "AAEC//4=" || out.Uploaded[1].Size != 2 {
		t.Errorf("%+v", out)
	}
	for more, want := range map[string]executors.ErrorType{
		`"download": [{"from": "missing", "path": "work:missing"}]`:       executors.NotFound,
		`"download": [{"from": "pipe"}]`:                                  executors.ExecutionError,
		`"download": [{"from": "/dev/zero"}]`:                             executors.ExecutionError,
		`"download": [{"from": "there", "path": "/etc/passwd"}]`:          executors.PermissionDenied,
		`"download": [{"from": "there", "path": "keys:known_hosts"}]`:     executors.PermissionDenied,
		`"download": [{"from": "there", "path": "work:../x"}]`:            executors.PermissionDenied,
		`"upload": [{"path": "/etc/shadow", "to": "x"}]`:                  executors.PermissionDenied,
		`"upload": [{"path": "work:here", "content": "", "to": "x"}]`:     executors.ValidationError,
		`"upload": [{"to": "x"}]`:                                         executors.ValidationError,
		`"upload": [{"content_base64": "?", "to": "x"}]`:                  executors.ValidationError,
		`"upload": [{"content": "x", "to": "/no/such/folder"}]`:           executors.NotFound,
		`"command": "truncate -s 3M big", "download": [{"from": "big"}]`:  executors.ExecutionError,
		`"command": "exit 1", "download": [{"from": "/never/looked-at"}]`: executors.ExecutionError,
	} {
		if _, err := l.call(t.Context(), `{"host": "web01", `+more+`}`); err == nil || err.Type != want {
			t.Errorf("%s: %+v, want %s", more, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(l.work, "missing")); err == nil {
		t.Error("a download that failed left a file")
	}
	if left, _ := filepath.Glob(filepath.Join(l.work, ".chainwright-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
