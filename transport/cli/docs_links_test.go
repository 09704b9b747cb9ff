package cli

import (
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

var (
	link     = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	codeSpan = regexp.MustCompile("`[^`\n]*`")
)

// documents returns the Markdown files of the repository by their slash-separated
// path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(entry.Name(), ".") && path != root
		if entry.IsDir() && (hidden && entry.Name() != ".github" || entry.Name() == "node_modules" || entry.Name() == "dist") {
			return fs.SkipDir
		}
		if entry.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		pages[filepath.ToSlash(name)] = string(text)
		return err
	}))
	require.Greater(t, len(pages), 40)
	return pages
}

// prose returns a page without its code.
func prose(page string) string {
	parts := strings.Split("\n"+page, "\n```")
	var text strings.Builder
	for i := 0; i < len(parts); i += 2 {
		if i > 0 { // the rest of the line that closes the block
			_, parts[i], _ = strings.Cut(parts[i], "\n")
		}
		text.WriteString(parts[i] + "\n")
	}
	return text.String()
}

// links returns the targets of a page's links and pictures.
func links(page string) (targets []string) {
	for _, match := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(prose(page), "`code`"), -1) {
		targets = append(targets, match[1])
	}
	return targets
}

// anchors returns the names that GitHub gives to the headings of a page.
func anchors(page string) map[string]bool {
	names := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(prose(page), -1) {
		names[strings.Map(func(r rune) rune {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			case r == ' ':
				return '-'
			}
			return -1
		}, match[1])] = true
	}
	return names
}

// TestEveryLinkOfTheDocumentsLeadsSomewhere checks that the files and headings exist
// to which the documents lead.
func TestEveryLinkOfTheDocumentsLeadsSomewhere(t *testing.T) {
	t.Parallel()
	pages := documents(t)
	for name, text := range pages {
		for _, target := range links(text) {
			parsed, err := url.Parse(target)
			require.NoError(t, err, "%s: %s", name, target)
			if parsed.Scheme != "" {
				require.Contains(t, []string{"https", "mailto"}, parsed.Scheme, "%s: %s", name, target)
				continue
			}
			goal := name
			if parsed.Path != "" {
				goal = filepath.ToSlash(filepath.Join(filepath.Dir(name), filepath.FromSlash(parsed.Path)))
				if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(goal))); err != nil {
					t.Errorf("%s leads to %s, which does not exist", name, target)
					continue
				}
			}
			if parsed.Fragment != "" && !anchors(pages[goal])[parsed.Fragment] {
				t.Errorf("%s leads to %s, and %s has no such heading", name, target, goal)
			}
		}
	}
}

// TestTheIndexListsEveryPage checks that each page in docs can be found from its
// index; the pages of executors from that of the tools.
func TestTheIndexListsEveryPage(t *testing.T) {
	t.Parallel()
	pages := documents(t)
	listed := map[string]bool{"docs/README.md": true}
	for _, index := range []string{"docs/README.md", "docs/tools.md", "docs/recipes/README.md"} {
		for _, target := range links(pages[index]) {
			path, _, _ := strings.Cut(target, "#")
			listed[filepath.ToSlash(filepath.Join(filepath.Dir(index), filepath.FromSlash(path)))] = true
		}
	}
	for name := range pages {
		if strings.HasPrefix(name, "docs/") && !listed[name] {
			t.Errorf("docs/README.md does not lead to %s", name)
		}
	}
}

// TestInstallLinksStartTheServer decodes the configuration in the links with which
// editors add the server.
func TestInstallLinksStartTheServer(t *testing.T) {
	t.Parallel()
	found := 0
	for name, text := range documents(t) {
		for _, target := range links(text) {
			parsed, err := url.Parse(target)
			require.NoError(t, err)
			if !strings.HasSuffix(parsed.Path, "/install") && !strings.HasSuffix(parsed.Path, "/install-mcp") {
				continue
			}
			found++
			query := parsed.Query()
			raw := []byte(query.Get("config"))
			if strings.Contains(parsed.Host, "cursor") {
				raw, err = base64.StdEncoding.DecodeString(query.Get("config"))
				require.NoError(t, err, name)
			}
			var got struct {
				Command string
				Args    []string
			}
			require.NoError(t, json.Unmarshal(raw, &got), name)
			require.Equal(t, "chainwright", query.Get("name"), name)
			require.Equal(t, "npx -y chainwright stdio", strings.Join(append([]string{got.Command}, got.Args...), " "), name)
		}
	}
	require.Positive(t, found)
}
