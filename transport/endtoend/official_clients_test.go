package endtoend

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// With official clients, of an older and of the newest revision, the person is
// asked once for a call and once for a whole tree, and the answer decides.
func TestOfficialClientsAsk(t *testing.T) {
	t.Parallel()
	node := peers.FindProgram(t, "node")
	for revision, client := range map[string]string{"2025-11-25": "sdk", "2026-07-28": "client"} {
		if _, err := os.Stat(filepath.Join(node.Modules(), "@modelcontextprotocol", client)); err != nil {
			t.Skipf("the client of %s is not installed: %v", revision, err)
		}
		for _, wire := range []string{"stdio", "HTTP"} {
			for _, says := range []string{"accept", "decline"} {
				t.Run(strings.Join([]string{revision, wire, says}, " "), func(t *testing.T) {
					t.Parallel()
					officialClient(t, node, revision, wire, says)
				})
			}
		}
	}
}

const confirmCalls = `[
{"name":"file_reader","arguments":{"file_path":"notes.txt"}},
{"name":"file_writer","arguments":{"file_path":"notes.txt","content":"new","mode":"overwrite"}},
{"name":"run_task_tree","arguments":{"tasks":[
	{"id":"one","schemas":{"method":"file_writer"},"inputs":{"file_path":"notes.txt","content":"newer","mode":"overwrite"}},
	{"id":"two","schemas":{"method":"file_writer"},"inputs":{"file_path":"more.txt","content":"newer","mode":"overwrite"}},
	{"id":"three","schemas":{"method":"file_reader"},"inputs":{"file_path":"notes.txt"},"dependencies":["one"]}]}}]`

func officialClient(t *testing.T, node *peers.Program, revision, wire, says string) {
	t.Helper()
	work, folder := t.TempDir(), t.TempDir()
	notes, settings := filepath.Join(work, "notes.txt"), filepath.Join(folder, "settings.yaml")
	for path, text := range map[string]string{
		notes:    "old",
		settings: "data_dir: '" + folder + "'\npolicy:\n  confirm: destructive\n  files: {roots: {work: {path: '" + work + "', write: true}}}\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script, err := filepath.Abs(filepath.Join("testdata", "confirm.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{script, node.Modules(), revision, says, confirmCalls}
	if wire == "stdio" {
		args = append(args, peers.Chainwright(t), "--config", settings, "--store", "memory", "stdio")
	} else {
		args = append(args, serve(t, "--config", settings))
	}
	code, out, errs := node.Run(t, args...)
	var said struct {
		Heard   []struct{ Message string }
		Results []struct {
			Status    string
			ErrorType string `json:"error_type"`
		}
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil || code != 0 || len(said.Results) != 3 {
		t.Fatalf("exit %d, %v\n%s\n%s", code, err, out, errs)
	}
	if len(said.Heard) != 2 || !strings.Contains(said.Heard[0].Message, "Run file_writer?") || !strings.Contains(said.Heard[1].Message, "2 tasks") {
		t.Errorf("asked %q", said.Heard)
	}
	text, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	want, status, kind := "newer", "completed", ""
	if says == "decline" {
		want, status, kind = "old", "failed", "permission_denied"
	}
	if r := said.Results; r[0].Status != "completed" || r[1].Status != status || r[2].Status != status || r[1].ErrorType != kind || r[2].ErrorType != kind || string(text) != want {
		t.Errorf("%+v, and the file holds %q", r, text)
	}
}
