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

// foreign warns of texts that other systems would fill in, and that are plain
// text here.
func (p *parser) foreign(i int, inputs map[string]any) {
	own := p.tree.Tasks[i].Executor == "aggregate_results_executor" // its template has braces
	var walk func(path string, v any, address bool)
	walk = func(path string, v any, address bool) {
		switch v := v.(type) {
		case string:
			if found := braces.FindStringSubmatch(v); found != nil && !own {
				p.warn(i, path, chain.CodePlainText, "write ${{ "+found[1]+" }}", "{{ %s }} is plain text here: a reference starts with a dollar sign", found[1])
			}
			if !address {
				return
			}
			if found := variable.FindStringSubmatch(v); found != nil {
				name := found[1] + found[2]
				p.warn(i, path, chain.CodePlainText, "read an input of the run, ${{ inputs."+strings.ToLower(name)+" }}, or a secret, ${{ secrets."+name+" }}",
					"$%s is plain text here: variables of the environment are not read", name)
			}
		case []any:
			for k, each := range v {
				walk(path+"["+strconv.Itoa(k)+"]", each, address)
			}
		case map[string]any:
			for _, key := range sortedKeys(v) {
				walk(field(path, key), v[key], address)
			}
		}
	}
	for _, key := range sortedKeys(inputs) {
		walk(field("inputs", key), inputs[key], slices.Contains(addressing, key))
	}
}
