package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shownCommands finds commands of the program: at the start of a line, and in code within
// a line.
var shownCommands = regexp.MustCompile("(?m)(?:^|`|-y |uvx )(chainwright [a-z][^`#|>\n]*)")

func TestTheCommandsOfTheInstallationExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs", "install.md"))
	require.NoError(t, err)
	found := shownCommands.FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(found), 6)
	for _, each := range found {
		command := strings.Fields(each[1])[1:]
		cmd, rest, err := newSession(t.Context(), streams{}, nil).root.Find(command)
		require.NoError(t, err, each[1])
		require.Equal(t, command[0], strings.Fields(cmd.CommandPath())[1], each[1])
		require.NoError(t, cmd.ParseFlags(rest), each[1])
		require.NoError(t, cmd.ValidateArgs(cmd.Flags().Args()), each[1])
	}
}
