package parse_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// What policy refuses is a warning, if it is literal. The tree stays valid.
func TestLiteralsThatPolicyRefuses(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	open, sealed := t.TempDir(), t.TempDir()
	pol := executortest.Policy(t, policy.Config{
		Network: policy.Network{Allow: []string{"127.0.0.1:8080", "[::1]:9000", "db.localhost:7000"}},
		Files:   policy.Files{Roots: map[string]policy.Root{"work": {Path: open, Write: true}, "old": {Path: sealed}}},
		Command: policy.Command{Programs: []policy.Program{{Path: self, Name: "tool", Args: []string{"^-v$"}}}},
		SSH:     policy.SSH{Hosts: []string{"build"}},
		Docker:  policy.Docker{Images: []string{"alpine:3"}},
	})
	reg := executortest.Registry(t, pol, builtin.All()...)
	const address, path, program = chain.CodeClosedAddress, chain.CodeClosedPath, chain.CodeClosedProgram
	for _, c := range []struct{ executor, inputs, code, says string }{
		{"rest", `{"url": "http://127.0.0.1:8080/a"}`, "", ""},
		{"rest", `{"url": "http://127.0.0.1:8081/a"}`, address, `the address 127.0.0.1 is not allowed: it is loopback (to allow it, set policy.network.allow: ["127.0.0.1:8081"])`},
		{"rest", `{"url": "http://10.1.2.3"}`, address, "it is private"},
		{"rest", `{"url": "http://169.254.169.254/latest"}`, address, "a metadata service"},
		{"rest", `{"url": "http://[::1]:9000/"}`, "", ""},
		{"rest", `{"url": "http://localhost:9001/"}`, address, "the address localhost (127.0.0.1) is not allowed"},
		{"rest", `{"url": "http://db.LOCALHOST.:7000/"}`, "", ""},
		{"rest", `{"url": "http://2130706433/"}`, address, "write it as 127.0.0.1"},
		{"rest", `{"url": "https://example.com"}`, "", ""},
		{"rest", `{"url": "https://no-such-name.invalid/"}`, "", ""}, // nothing is resolved
		{"rest", `{"url": "http://10.0.0.1/users/${{ inputs.id }}"}`, address, "10.0.0.1"},
		{"rest", `{"url": "http://10.0.0.${{ inputs.id }}/users"}`, "", ""},
		{"rest", `{"url": "${{ inputs.url }}"}`, "", ""},
		{"scrape", `{"url": "http://192.168.1.1/"}`, address, "private"},
		{"websocket", `{"url": "ws://127.0.0.1:1/", "message": "x"}`, address, "loopback"},
		{"grpc", `{"server": "127.0.0.1:50051", "service": "a.B", "method": "C"}`, address, "loopback"},
		{"ssh", `{"host": "build", "command": "true"}`, "", ""},
		{"ssh", `{"host": "10.0.0.9", "command": "true"}`, address, "policy.ssh.hosts"},
		{"file_reader", `{"file_path": "work:a.txt"}`, "", ""},
		{"file_reader", `{"file_path": "/etc/passwd"}`, path, "it is not inside an allowed folder"},
		{"file_reader", `{"file_path": "work:../a.txt"}`, path, `must not contain`},
		{"file_reader", `{"file_path": "/etc/${{ inputs.name }}"}`, "", ""},
		{"file_writer", `{"file_path": "work:a.txt", "content": "x"}`, "", ""},
		{"file_writer", `{"file_path": "old:a.txt", "content": "x"}`, path, "the root old is read-only"},
		{"file_writer", `{"file_path": ` + strconv.Quote(filepath.Join(sealed, "a.txt")) + `, "content": "x"}`, path, "read-only"},
		{"command", `{"command": ["tool", "-v"]}`, "", ""},
		{"command", `{"command": ["tool", "-x"]}`, program, `the argument "-x" is not allowed`},
		{"command", `{"command": ["tool", "${{ inputs.flag }}"]}`, "", ""},
		{"command", `{"command": ["rm", "${{ inputs.flag }}"]}`, program, `the program "rm" is not allowed; the allowed programs are tool`},
		{"command", `{"command": ["${{ inputs.name }}", "-x"]}`, "", ""},
		{"command", `{"command": "rm -rf x"}`, program, `"rm"`},
		{"command", `{"command": "tool -v", "cwd": "/"}`, path, "not inside an allowed folder"},
		{"docker", `{"image": "alpine:3", "command": ["true"]}`, "", ""},
		{"docker", `{"image": "alpine", "command": ["true"]}`, program, "policy.docker.images"},
	} {
		tree := `[{"executor": "` + c.executor + `", "inputs": ` + c.inputs + `}]`
		_, report := parse.Parse([]byte(tree), reg, parse.Options{})
		if !report.Valid() {
			t.Errorf("%s: %v", tree, report.Problems)
			continue
		}
		switch {
		case c.code == "" && len(report.Warnings) == 0:
		case c.code == "" || len(report.Warnings) != 1 || report.Warnings[0].Code != c.code || !strings.Contains(report.Warnings[0].String(), c.says) || report.Warnings[0].Column == 0:
			t.Errorf("%s: %v, want %s: %s", tree, report.Warnings, c.code, c.says)
		}
	}
}
