package parse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
)

// In these trees » stands before each place that a problem or a warning is about.
// It is not part of the tree.
var marked = map[string]string{
	"block YAML": `
- id: a
  executor: rest
  inputs:
    url: »5
    »urll: x
    headers:
      x: »[1]
      accept: "é ü ${{ tasks.b.result }} »${{ tasks.ghost.status }}"
  dependencies:
    - »ghost
    - »3
    - {id: »7}
- id: b
  executor: »nope
  »whem: true
`,
	"an empty value": `
- id: a
  executor: rest
  inputs:
    »url:
`,
	"a missing field": `
- id: a
  executor: rest
  »inputs:
    method: GET
- »id: b
  executor: rest
`,
	"flow YAML": `[{id: a, executor: rest, inputs: {url: »5, »"x y": 1}},
 {id: b, executor: »nope, dependencies: [a, »c]}]`,
	"JSON":             "{\"name\": »5, \"inputs\": {\"type\": \"object\"},\r\n  \"tasks\": [{\"id\": \"a\", \"executor\": \"rest\", \"inputs\": {\"url\": »5,\r\n\t\"headers\": {\"a \\\"b\\\"\": »[],\r\n\t\"c\": \"\\\"\\u00e9 »${{ tasks.\\u0067host.result }}\"}}}]}\r\n",
	"JSON in one line": `[{"id": "a", "executor": "rest", "inputs": {"url": "https://example.com", "headers": {"` + strings.Repeat("x", 300) + `": "»${{ tasks.ghost.result }}"}}},{"executor": "rest", "id": "b", "inputs": {»"ürl": 1, "url": "https://example.com"}}]`,
	"escapes in JSON":  `[{"id": "a", "executor": "rest", "inputs": {"url": "https://example.com", "headers": {"x": »"\u0024{{ tasks.ghost.result }}"}}}]`,
	"block scalars": `
- id: a
  executor: command
  inputs:
    command: |  # ${{ not this }}
      echo '$${{ plain }}'
      echo ${{ inputs.x }} »${{ tasks.ghost.result }}
    stdin: >-

      »${{ tasks.ghost.result
        | length }}
`,
	"plain scalars over lines": `
- id: a
  executor: rest
  inputs:
    url: https://example.com/${{ inputs.x }}
      »${{ tasks.ghost.result }} # ${{ no }}
    headers: {x: 'it''s »${{ tasks.none.result }}', y: "\x41 \"»${{ tasks.nobody.result }}"}
`,
	"aliases": `
tasks:
- id: a
  executor: rest
  inputs: &base
    url: "https://example.com/»${{ tasks.ghost.result }}"
    headers: &headers {x: »[]}
- id: b
  executor: »&no nope
- id: c
  executor: »*no
- id: d
  executor: rest
  inputs:
    <<: {method: »get}
    url: https://example.com
`,
	"marks before the text":  "\uFEFF- id: a\r\n  executor: rest\r\n  inputs: {url: »5}\r\n",
	"line ends of YAML only": "- id: \"a\u0085b\u2028c\"\n  executor: rest\n  inputs: {url: »5}\n",
	"other systems": `
- id: a
  executor: rest
  inputs:
    url: "https://$${{ a }}.example.com/»{{ inputs.name }}?key=»$API_KEY"
    headers: {x: "$5 »${TOKEN}"}
`,
	"a duplicate key": `
- id: a
  executor: rest
  »executor: rest
`,
	"a duplicate key in JSON":    `[{"ä": 1, »"ä": 2}]`,
	"a tab":                      "- id: a\n»\texecutor: rest\n",
	"a reference in braces":      "- id: a\n  executor: rest\n  inputs: {method: GET, url: »${{ inputs.url }}}\n",
	"a reference in long braces": "- id: a\n  executor: rest\n  inputs: {\n    method: GET,\n    headers: {},\n    url: »${{ inputs.url }},\n    timeout: 5\n  }\n",
	"braces of other systems":    "- id: a\n  executor: rest\n  inputs:\n    url: »{{ inputs.url }}\n",
	"a colon in a reference":     "- id: a\n  executor: rest\n  inputs:\n    json: »${{ {a: 1} }}\n",
	"no quote in JSON":           "[{\"id\": \"é\", \"inputs\": {\"url\": »${{ inputs.url }}}}]",
	"a tag":                      "- id: »!x a\n",
	"a second document":          "- id: a\n»---\n- id: b\n",
	"expressions": `
- id: s
  executor: rest
  inputs: {url: "https://example.com"}
- id: a
  executor: rest
  when: »${{ tasks.s.reslt }}
  for_each: »${{ tasks.s.status }}
  inputs:
    url: "https://example.com/${{ tasks.s.result.json.a }}/»${{ tasks.s.result.jsn }}/»${{ 1 + }}"
    body: "$${{ a }} ${{ item }} »${{ open"
- id: b
  executor: rest
  inputs:
    url: "https://example.com/${{ tasks.s.result.json.a }}/»${{ tasks.s.result.jsn }}/»${{ item }}"
    timeout: »${{ tasks.s.status }}
    »"a${{ x }}": 1
`,
}

func TestPositions(t *testing.T) {
	t.Parallel()
	reg := executortest.Registry(t, nil, builtin.All()...)
	for name, source := range marked {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.ReplaceAll(source, "»", "")
			_, report := parse.Parse([]byte(text), reg, parse.Options{})
			var got, all []string
			for _, p := range slices.Concat(report.Problems, report.Warnings) {
				all = append(all, p.String()+"\n"+p.Excerpt())
				if p.Code == chain.CodeNotAllowed {
					continue
				}
				if at := fmt.Sprintf("%d:%d", p.Line, p.Column); !slices.Contains(got, at) {
					got = append(got, at)
				}
			}
			slices.Sort(got)
			if want := places(source); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v\n%s", got, want, strings.Join(all, "\n"))
			}
		})
	}
}

// places returns the line and the column of each » in a text.
func places(source string) []string {
	var want []string
	source = strings.TrimPrefix(source, "\uFEFF")
	for k, line := range strings.Split(source, "\n") {
		column := 1
		for _, r := range line {
			if r == '»' {
				want = append(want, fmt.Sprintf("%d:%d", k+1, column))
				continue
			}
			column++
		}
	}
	slices.Sort(want)
	return want
}
