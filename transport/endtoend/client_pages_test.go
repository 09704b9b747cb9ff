package endtoend

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/transport/mcp/client"
)

// snippet is a code block of a page.
type snippet struct{ language, text string }

// snippets returns the code blocks of a page.
func snippets(t *testing.T, page string) (blocks []snippet) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(page)))
	require.NoError(t, err)
	parts := strings.Split("\n"+string(text), "\n```")
	for i := 1; i < len(parts); i += 2 {
		language, body, _ := strings.Cut(parts[i], "\n")
		blocks = append(blocks, snippet{language, body})
	}
	return blocks
}

// added is what a snippet adds to a client: a program, or a URL.
type added struct {
	command     []string
	environment map[string]any
	url, header string
}

// configured finds the servers in the configuration of a client.
func configured(value any) (found []added) {
	if list, ok := value.([]any); ok {
		for _, each := range list {
			found = append(found, configured(each)...)
		}
		return found
	}
	table, ok := value.(map[string]any)
	if !ok {
		return nil
	}
	var server added
	for key, each := range table {
		text, _ := each.(string)
		switch key {
		case "command", "cmd":
			server.command = []string{text}
		case "url", "httpUrl", "serverUrl", "uri":
			server.url = text
		case "env":
			server.environment, _ = each.(map[string]any)
		case "headers":
			headers, _ := each.(map[string]any)
			server.header, _ = headers["Authorization"].(string)
		case "bearer_token_env_var":
			server.header = "Bearer ${" + text + "}"
		}
	}
	if server.command == nil && server.url == "" {
		for _, each := range table {
			found = append(found, configured(each)...)
		}
		return found
	}
	arguments, _ := table["args"].([]any)
	for _, each := range arguments {
		server.command = append(server.command, each.(string))
	}
	return []added{server}
}

// typed finds the server that a line at a terminal adds or starts.
func typed(t *testing.T, line string) added {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `CHAINWRIGHT_TOKEN='${CHAINWRIGHT_TOKEN}'; printf '%s\n' `+line).Output()
	require.NoError(t, err, line)
	words := strings.Split(strings.TrimSpace(string(out)), "\n")
	after := func(flag string) string {
		if i := slices.Index(words, flag); i >= 0 {
			return words[i+1]
		}
		return ""
	}
	server := added{header: strings.TrimPrefix(after("--header"), "Authorization: ")}
	var rest []string
	switch words[0] {
	case "goose":
		server.url, rest = after("--with-streamable-http-extension"), strings.Fields(after("--with-extension"))
	case "code":
		return configured(fromJSON(t, after("--add-mcp")))[0]
	case "npx":
		rest = words[3:]
		if i := slices.Index(words, "--method"); i >= 0 {
			rest = words[4:i]
		}
	default: // CLIENT mcp add [flags] NAME [flags] [--] WHAT
		require.Equal(t, []string{"mcp", "add"}, words[1:3], line)
		if name := after("--bearer-token-env-var"); name != "" {
			server.header = "Bearer ${" + name + "}"
		}
		server.url = after("--url")
		for i := 3; i < len(words); i++ {
			if strings.HasPrefix(words[i], "-") && len(rest) < 2 {
				if words[i] != "--" {
					i++ // the flag's value
				}
				continue
			}
			if words[i] != "--" {
				rest = append(rest, words[i])
			}
		}
		require.Equal(t, "chainwright", rest[0], line)
		rest = rest[1:]
	}
	if len(rest) > 0 && strings.Contains(rest[0], "://") {
		server.url = rest[0]
	} else {
		server.command = rest
	}
	return server
}

func fromJSON(t *testing.T, text string) (value any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &value), text)
	return value
}

// servers returns what the snippets of a page add to a client.
func servers(t *testing.T, page string) (found []added) {
	t.Helper()
	for _, block := range snippets(t, page) {
		var value any
		switch block.language {
		case "json":
			value = fromJSON(t, block.text)
		case "yaml":
			require.NoError(t, yaml.Unmarshal([]byte(block.text), &value), block.text)
		case "toml":
			var table map[string]any
			_, err := toml.Decode(block.text, &table)
			require.NoError(t, err, block.text)
			value = table
		case "sh":
			for line := range strings.Lines(block.text) {
				first, _, _ := strings.Cut(line, " ")
				if slices.Contains([]string{"claude", "codex", "gemini", "goose", "code"}, first) || strings.Contains(line, "inspector") {
					found = append(found, typed(t, strings.TrimSpace(line)))
				}
			}
			continue
		}
		found = append(found, configured(value)...)
	}
	return found
}

// TestClientPagesStartTheServer starts what the snippets of the README and of the
// pages of clients start, and asks the URLs in them.
func TestClientPagesStartTheServer(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no sh, which reads the snippets for a terminal")
	}
	pages, err := filepath.Glob("../../docs/clients/*.md")
	require.NoError(t, err)
	require.Greater(t, len(pages), 12)
	h := newHome(t, map[string]any{"executors_dir": "none"})
	write(t, filepath.Join(h.dir, "chainwright.yaml"), "executors_dir: none\n")
	const token = "a-token-that-is-long-enough-for-all-hosts"
	closed := h
	closed.variables = []string{"CHAINWRIGHT_TOKEN=" + token}
	url := closed.serve(t)
	for _, path := range append(pages, "../../README.md") {
		page, err := filepath.Rel("../..", path)
		require.NoError(t, err)
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			for _, each := range servers(t, filepath.ToSlash(page)) {
				if each.url != "" {
					h.reach(t, each, url, token)
				} else {
					h.start(t, each)
				}
			}
		})
	}
}

// start starts the program of a snippet, and lists its tools.
func (h home) start(t *testing.T, a added) {
	t.Helper()
	command := a.command
	if command[0] == "npx" {
		require.Equal(t, "-y", command[1], command)
		command = command[2:]
	}
	require.Contains(t, []string{"chainwright", "/usr/local/bin/chainwright"}, command[0])
	var arguments []string
	for _, each := range command[1:] {
		arguments = append(arguments, strings.NewReplacer("${workspaceFolder}", h.dir, "/home/ada", h.dir).Replace(each))
	}
	c, err := client.Stdio(t.Context(), func(ctx context.Context) *exec.Cmd {
		cmd := exec.CommandContext(ctx, peers.Chainwright(t), arguments...)
		cmd.Env = h.environment()
		for name, value := range a.environment {
			cmd.Env = append(cmd.Env, name+"="+value.(string))
		}
		return cmd
	}, nil, client.Options{Name: "endtoend", Version: "1", Revision: revision})
	require.NoError(t, err, a.command)
	defer func() { require.NoError(t, c.Close()) }()
	require.Contains(t, published(t, c), "run_task_tree", a.command)
}

// reach sends a request with the header of a snippet to a server that wants a token.
func (h home) reach(t *testing.T, a added, url, token string) {
	t.Helper()
	require.Equal(t, "http://127.0.0.1:8080/mcp", a.url)
	if a.header == "" {
		return
	}
	header := a.header
	for _, reference := range []string{"${CHAINWRIGHT_TOKEN}", "${env:CHAINWRIGHT_TOKEN}", "$CHAINWRIGHT_TOKEN", "${input:token}", "TOKEN"} {
		if strings.HasSuffix(header, " "+reference) {
			header = strings.TrimSuffix(header, reference) + token
		}
	}
	body := `{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}}`
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	request.Header.Set("Authorization", header)
	reply, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, reply.Body.Close())
	require.Equal(t, http.StatusOK, reply.StatusCode, a.header)
}
