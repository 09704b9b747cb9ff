package command

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		`git status`:                {"git", "status"},
		"  a \t b\n c ":             {"a", "b", "c"},
		`'a b' "c d" e\ f`:          {"a b", "c d", "e f"},
		`a'b'"c"d`:                  {"abcd"},
		`'' ""`:                     {"", ""},
		`"a\"b\\c\$d\n"`:            {`a"b\c$d\n`},
		`'a\b"c'`:                   {`a\b"c`},
		`$HOME *.go $(id) ~`:        {"$HOME", "*.go", "$(id)", "~"},
		"a`id`":                     {"a`id`"},
		`echo a|b a&b x>y ?a=1&b=2`: {"echo", "a|b", "a&b", "x>y", "?a=1&b=2"},
		`grep '|' ">" \;`:           {"grep", "|", ">", ";"},
		"a \\\n b":                  {"a", "b"},
		"\"a\\\nb\"":                {"ab"},
		`größe "日本"`:                {"größe", "日本"},
		`#no comment`:               {"#no", "comment"},
		`{"a": 1}`:                  {"{a:", "1}"},
		`jq '.a | .b' "{\"a\": 1}"`: {"jq", ".a | .b", `{"a": 1}`},
	} {
		if got, err := split(line, true); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", line, got, err, want)
		}
	}
	for line, says := range map[string]string{
		"":       "is empty",
		" \n ":   "is empty",
		`a 'b`:   "single quote at character 3",
		`a "b\"`: "double quote at character 3",
		`a \`:    "ends with a backslash",
		`a | b`:  `"|" has no meaning`,
		`a && b`: `"&&" has no meaning`,
		`a > b`:  `">" has no meaning`,
		`a 2>&1`: `"2>&1" has no meaning`,
		`a ; b`:  `";" has no meaning`,
		`a |`:    `"|" has no meaning`,
	} {
		if got, err := split(line, true); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
	if got, err := split(`C:\Tools\x.exe "a \"b\"" 'c d'`, false); err != nil || !slices.Equal(got, []string{`C:\Tools\x.exe`, `a "b"`, "c d"}) {
		t.Errorf("on Windows: %q, %v", got, err)
	}
}

// split returns the same words as a shell where nothing is expanded.
func FuzzSplit(f *testing.F) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		f.Skip("there is no shell to compare with")
	}
	for _, seed := range []string{`a b`, `'a b' "c"`, `a\ b`, `"a\"b"`, `a''b`, "a\\\nb", `"\\" '\'`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got, err := split(line, true)
		if err != nil || strings.ContainsAny(line, "\x00|&;<>()$`*?[]#~=%!{}\r\v\f") || strings.IndexFunc(line, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r > 126 }) >= 0 {
			return
		}
		if strings.Contains(line, "\n") && !strings.Contains(line, "\\\n") {
			return // ends a command in the shell, but only a word in split
		}
		out, err := exec.Command(shell, "-c", `for a in `+strings.ReplaceAll(line, "\n", "\n")+`; do printf '%s\037' "$a"; done`).Output()
		if err != nil {
			return // more than one command
		}
		if want := strings.Join(got, "\x1f") + "\x1f"; string(out) != want {
			t.Errorf("%q: split %q, the shell %q", line, got, out)
		}
	})
}
