package parse

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/chain"
)

var (
	// braces matches a reference in the notation of other systems.
	braces = regexp.MustCompile(`(?:^|[^${])\{\{-?\s*((?:inputs|tasks|item|index|secrets)\b[^{}]*?)\s*-?\}\}`)
	// variable matches a variable of a shell.
	variable = regexp.MustCompile(`(?:^|[^$])\$(?:\{([A-Z][A-Z0-9_]{2,})\}|([A-Z][A-Z0-9_]{2,})\b)`)
	// addressing are the inputs of which a text with a variable of a shell was
	// meant to be filled in: no executor has programs in them.
	addressing = []string{"url", "headers", "auth", "params", "host", "username", "password", "token", "dsn", "to", "from", "file_path"}
)

// foreign warns of texts in a task's inputs that other systems would fill in, and
// that are plain text here.
func (p *parser) foreign(i int, inputs map[string]any) {
	for _, key := range sortedKeys(inputs) {
		p.plainText(i, field("inputs", key), inputs[key], slices.Contains(addressing, key))
	}
}

// plainText warns of the texts in a value. address means that a variable of a
// shell was meant to be filled in.
func (p *parser) plainText(i int, path string, v any, address bool) {
	switch v := v.(type) {
	case string:
		own := i >= 0 && p.tree.Tasks[i].Executor == "aggregate_results_executor" // its template has braces
		if at := find(braces, v, hasBraces); at != nil && !own {
			name := v[at[2]:at[3]]
			p.warnAt(i, within(path, v, strings.LastIndex(v[:at[2]], "{{"), "{{"), chain.CodePlainText, "write ${{ "+name+" }}", "{{ %s }} is plain text here: a reference starts with a dollar sign", name)
		}
		if !address {
			return
		}
		if at := find(variable, v, hasVariable); at != nil {
			name := v[max(at[2], at[4]):max(at[3], at[5])] // one of the groups is -1
			p.warnAt(i, within(path, v, strings.LastIndex(v[:at[1]], "$"), "$"), chain.CodePlainText, "read an input of the run, ${{ inputs."+strings.ToLower(name)+" }}, or a secret, ${{ secrets."+name+" }}",
				"$%s is plain text here: variables of the environment are not read", name)
		}
	case []any:
		for k, each := range v {
			p.plainText(i, path+"["+strconv.Itoa(k)+"]", each, address)
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			p.plainText(i, field(path, key), v[key], address)
		}
	}
}

// find returns the first match of an expression. Most texts have none, so maybe
// looks first: it is much faster.
func find(re *regexp.Regexp, s string, maybe func(string) bool) []int {
	if !maybe(s) {
		return nil
	}
	return re.FindStringSubmatchIndex(s)
}

// hasBraces reports whether a text has braces that are not a reference's.
func hasBraces(s string) bool {
	for at := strings.Index(s, "{{"); at >= 0; {
		if at == 0 || s[at-1] != '$' && s[at-1] != '{' {
			return true
		}
		next := strings.Index(s[at+1:], "{{")
		if next < 0 {
			return false
		}
		at += 1 + next
	}
	return false
}

// hasVariable reports whether a text has a dollar sign before a capital letter.
func hasVariable(s string) bool {
	for i := 0; ; {
		at := strings.IndexByte(s[i:], '$')
		if at < 0 {
			return false
		}
		i += at + 1
		if next := strings.TrimPrefix(s[i:], "{"); next != "" && 'A' <= next[0] && next[0] <= 'Z' {
			return true
		}
	}
}
