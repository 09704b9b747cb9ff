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
		if at := braces.FindStringSubmatchIndex(v); at != nil && !own {
			name := v[at[2]:at[3]]
			p.warnAt(i, within(path, v, strings.LastIndex(v[:at[2]], "{{"), "{{"), chain.CodePlainText, "write ${{ "+name+" }}", "{{ %s }} is plain text here: a reference starts with a dollar sign", name)
		}
		if !address {
			return
		}
		if at := variable.FindStringSubmatchIndex(v); at != nil {
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
