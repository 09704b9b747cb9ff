package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// foreign are messages on the page that other programs write.
var foreign = []string{"spawn chainwright ENOENT", "command not found", "address already in use", "file already exists"}

// TestMessagesOfThePageExist checks that docs/troubleshooting.md quotes messages as
// the program writes them: each part of a quote is in the source.
func TestMessagesOfThePageExist(t *testing.T) {
	t.Parallel()
	var source strings.Builder
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "docs") {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		source.Write(text)
		return err
	}))
	page, err := os.ReadFile(filepath.Join(root, "docs", "troubleshooting.md"))
	require.NoError(t, err)
	quoted := regexp.MustCompile("`[^`]+`")
	verb := regexp.MustCompile(`%[a-z]`)
	text := verb.ReplaceAllString(strings.ReplaceAll(source.String(), "\" +\n", ""), "%")
	found := 0
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		cell, _, _ := strings.Cut(line[2:], " | ")
		for _, quote := range quoted.FindAllString(cell, -1) {
			message := strings.Trim(quote, "`")
			if !strings.Contains(message, " ") || strings.HasPrefix(message, "chainwright ") || slices.Contains(foreign, message) {
				continue
			}
			for part := range strings.SplitSeq(message, "…") {
				part = strings.Trim(part, " ;:")
				found++
				if !strings.Contains(text, part) {
					t.Errorf("docs/troubleshooting.md quotes %q, which no code writes", message)
				}
			}
		}
	}
	require.Greater(t, found, 15)
}
