package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// listing is a program that lists its arguments, for the commands in documents.
const listing = "#!/bin/sh\nfor word; do printf '%s\\0' \"$word\"; done >>\"$LIST\"\nprintf '\\n' >>\"$LIST\"\n"

// TestCommandsOfTheDocumentsExist runs the shell snippets of all documents with a
// program that only lists its arguments, and checks that this program has the
// commands and flags.
func TestCommandsOfTheDocumentsExist(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh, which reads the snippets")
	}
	found := 0
	for name, page := range documents(t) {
		folder := t.TempDir()
		for _, program := range []string{"chainwright", "chainwright-temporal"} {
			require.NoError(t, os.WriteFile(filepath.Join(folder, program), []byte(listing), 0o700)) //nolint:gosec // a program
		}
		list := filepath.Join(folder, "list")
		for _, block := range fenced(page, "sh") {
			cmd := exec.CommandContext(t.Context(), sh, "-c", block)
			cmd.Dir, cmd.Env = folder, []string{"PATH=" + folder, "HOME=" + folder, "LIST=" + list}
			_ = cmd.Run() // other programs are not found
		}
		commands, err := os.ReadFile(list)
		if err != nil {
			continue // the page has no commands of this program
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(string(commands), "\n"), "\n") {
			arguments := strings.Split(strings.TrimSuffix(line, "\x00"), "\x00")
			cmd, rest, err := newSession(t.Context(), streams{}, nil).root.Find(arguments)
			require.NoError(t, err, "%s: chainwright %q", name, arguments)
			require.NoError(t, cmd.ParseFlags(rest), "%s: chainwright %q", name, arguments)
			found++
		}
	}
	require.Greater(t, found, 50)
}

// block writes the shell snippets below a heading of a document to a file:
// block PAGE HEADING FILE. The heading "" is the whole page.
func block(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: block PAGE HEADING FILE")
	}
	page, err := os.ReadFile(filepath.Join(ts.Getenv("ROOT"), filepath.FromSlash(args[0])))
	ts.Check(err)
	text := "\n" + string(page)
	if args[1] != "" {
		_, after, ok := strings.Cut(text, "\n## "+args[1]+"\n")
		if !ok {
			ts.Fatalf("%s has no heading %q", args[0], args[1])
		}
		text, _, _ = strings.Cut(after, "\n## ")
	}
	found := fenced(text, "sh")
	if len(found) == 0 {
		ts.Fatalf("%s has no snippet for a shell there", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte("set -e\n"+strings.Join(found, "\n")+"\n"), 0o600))
}

// header writes the commands at the head of an example to a file, to be run where
// docs/examples is: header EXAMPLE FILE. Trees are not run, only looked at, and no
// server is started.
func header(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: header EXAMPLE FILE")
	}
	examples := filepath.Join(ts.Getenv("ROOT"), "docs", "examples")
	ts.Check(os.CopyFS(ts.MkAbs("docs/examples"), os.DirFS(examples)))
	text, err := os.ReadFile(filepath.Join(examples, args[0]))
	ts.Check(err)
	commands := []string{"set -e"}
	for line := range strings.Lines(string(text)) {
		command, indented := strings.CutPrefix(strings.TrimRight(line, "\n"), "#   ")
		switch {
		case !strings.HasPrefix(line, "#") || !indented:
			continue
		case strings.HasPrefix(command, "chainwright run "):
			command += " --dry-run"
		case command == "chainwright serve":
			continue
		}
		commands = append(commands, command)
	}
	if len(commands) == 1 {
		ts.Fatalf("%s begins with no command", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(commands, "\n")+"\n"), 0o600))
}
