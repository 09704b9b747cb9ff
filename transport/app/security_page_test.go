package app_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testName   = regexp.MustCompile("`((?:Test|Fuzz)\\w+)(?:/(\\w+))?`")
	testFolder = regexp.MustCompile("((?:`(?:Test|Fuzz)\\w+`(?:, | and )?)+) in `([a-z/]+)`")
	testFunc   = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
)

// testFolders returns the folders of each test of the module.
func testFolders(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(filepath.Join(root, name))
		for _, f := range testFunc.FindAllStringSubmatch(string(text), -1) {
			found[f[1]] = append(found[f[1]], path.Dir(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// pageProblems returns what is wrong with a page of promises: tests that do not
// exist, and items of lists and rows of tables that name no test. The section
// "Limits" promises nothing.
func pageProblems(page string, tests map[string][]string) (problems []string) {
	for _, name := range testName.FindAllStringSubmatch(page, -1) {
		if len(tests[name[1]]) == 0 {
			problems = append(problems, "there is no test "+name[1])
		}
		if name[1] == "TestScripts" && name[2] != "" {
			if _, err := os.Stat(filepath.Join(root, "transport", "cli", "testdata", "script", name[2]+".txtar")); err != nil {
				problems = append(problems, "there is no script "+name[2])
			}
		}
	}
	for _, list := range testFolder.FindAllStringSubmatch(page, -1) {
		for _, name := range testName.FindAllStringSubmatch(list[1], -1) {
			if !strings.Contains(strings.Join(tests[name[1]], " ")+" ", list[2]) {
				problems = append(problems, name[1]+" is not in "+list[2])
			}
		}
	}
	for _, section := range strings.Split(page, "\n## ")[1:] {
		if strings.HasPrefix(section, "Limits\n") {
			continue
		}
		for _, block := range strings.Split(section, "\n\n") {
			for _, promise := range promises(block) {
				if !testName.MatchString(promise) {
					problems = append(problems, "no test is named for: "+promise)
				}
			}
		}
	}
	return problems
}

// promises returns the items of a list, and the rows of a table with the column
// "held by".
func promises(block string) []string {
	block = strings.TrimSpace(block)
	lines := strings.Split(block, "\n")
	if i := strings.Index(block, "| held by |\n"); i >= 0 {
		header := strings.Count(block[:i], "\n")
		return lines[header+2:]
	}
	if strings.HasPrefix(block, "- ") {
		return strings.Split(strings.TrimPrefix(block, "- "), "\n- ")
	}
	if _, list, found := strings.Cut(block, "\n- "); found && !strings.Contains(block, "```") {
		return strings.Split(list, "\n- ")
	}
	return nil
}

// Each promise of docs/security.md names a test that exists.
func TestSecurityPageNamesItsTests(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests := testFolders(t)
	for _, problem := range pageProblems(string(page), tests) {
		t.Error(problem)
	}
	for name, wrong := range map[string]string{
		"no such test":    "\n## A\nA promise (`TestNoSuchThing`).\n",
		"another folder":  "\n## A\nA promise (`TestSecurityPageNamesItsTests` in `executors/jq`).\n",
		"no such script":  "\n## A\nA promise (`TestScripts/nothing`).\n",
		"an item without": "\n## A\n- one (`TestDefaults`)\n- two\n",
		"after a text":    "\n## A\nA list:\n- two\n",
		"a row without":   "\n## A\n| a | held by |\n|---|---|\n| x | `TestDefaults` |\n| y | |",
	} {
		if len(pageProblems(wrong, tests)) != 1 {
			t.Errorf("%s: %q is not found", name, wrong)
		}
	}
}
