package brief_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/tools/tasktree/brief"
)

var method = regexp.MustCompile(`"schemas": \{"method": ("\w+")\}`)

func TestCopied(t *testing.T) {
	t.Parallel()
	const other = "Delete the log files that are older than a week"
	for _, example := range brief.Examples() {
		text := string(example.Tree)
		for name, c := range map[string]struct {
			tree, requirement string
			copied            bool
		}{
			"a copy":                  {text, other, true},
			"another name":            {strings.Replace(text, `"name": "`, `"name": "x`, 1), other, true},
			"the short form":          {method.ReplaceAllString(text, `"executor": $1`), other, true},
			"other inputs":            {strings.ReplaceAll(text, "${{ inputs.", "${{ inputs.my_"), other, false},
			"the example's":           {text, example.Requirement, false},
			"the example's, by words": {text, strings.ToUpper(example.Requirement) + " Be quick.", false},
			"no tasks":                {`{"name": "x"}`, other, false},
		} {
			tree, err := strictjson.DecodeObject([]byte(c.tree))
			if err != nil {
				t.Fatal(name, err)
			}
			if of, copied := brief.Copied(tree, c.requirement); copied != c.copied || copied && of != example.Requirement {
				t.Errorf("%s of %q: %v, %q", name, example.Requirement, copied, of)
			}
		}
	}
}
