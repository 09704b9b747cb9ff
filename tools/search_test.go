package tools_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
)

// request is what a person asks for, and the tool that does it. Plain ones are
// the first match of every search.
type request struct {
	Request, Tool  string
	Plain, Stemmed bool
}

func requests(t *testing.T) (list []request) {
	t.Helper()
	data, err := os.ReadFile("testdata/requests.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// find_executor finds the tool for a request first.
func TestFindsByPlainWords(t *testing.T) {
	t.Parallel()
	set := set(t, opened(t), func(o *tools.Options) { o.Discovery = true })
	for _, each := range requests(t) {
		query, err := json.Marshal(map[string]any{"query": each.Request})
		if err != nil {
			t.Fatal(err)
		}
		var found struct {
			Executors []struct {
				ID   string
				Tool bool
			}
		}
		call(t, set, "find_executor", string(query)).get(t, &found)
		if len(found.Executors) == 0 || found.Executors[0].ID != each.Tool {
			t.Errorf("%q finds %+v, not %s", each.Request, found.Executors[:min(3, len(found.Executors))], each.Tool)
			continue
		}
		if _, own := set.Lookup(each.Tool); own != found.Executors[0].Tool {
			t.Errorf("%s: tool is %t", each.Tool, found.Executors[0].Tool)
		}
	}
}

// A client that defers tools finds them by their names, search hints and
// descriptions.
func TestFoundByClients(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]policy.Config{"nothing open": {}, "all open": opened(t)} {
		list := set(t, cfg, nil).Tools()
		for _, each := range requests(t) {
			if !slices.ContainsFunc(list, func(tool tools.Tool) bool { return tool.Name == each.Tool }) || each.Stemmed {
				continue
			}
			most := 5
			if each.Plain {
				most = 1
			}
			if found := byWords(list, each.Request); !slices.Contains(found[:min(most, len(found))], each.Tool) {
				t.Errorf("%s: %q finds %v, not %s", name, each.Request, found[:min(most, len(found))], each.Tool)
			}
		}
	}
}

// byWords returns the names of the tools that match a query, the best first, as
// Claude Code 2.1 ranks them: whole words of hints and descriptions, and parts of
// names. The name of the server is part of each name.
func byWords(list []tools.Tool, query string) (names []string) {
	scores := map[string]int{}
	const server = "chainwright"
	for _, tool := range list {
		parts, coarse := append(strings.Split(tool.Name, "_"), server), []string{server, tool.Name}
		hint, description := strings.ToLower(tool.SearchHint), strings.ToLower(tool.Description)
		score := 0
		for _, term := range strings.Fields(strings.ToLower(query)) {
			word := regexp.MustCompile(`\b` + regexp.QuoteMeta(term) + `\b`)
			within := func(part string) bool { return strings.Contains(part, term) }
			switch {
			case slices.Contains(parts, term):
				score += 12
			case slices.ContainsFunc(parts, within):
				score += 6
			}
			switch {
			case slices.Contains(coarse, term):
				score += 12
			case slices.ContainsFunc(coarse, within):
				score += 4
			}
			if word.MatchString(hint) {
				score += 4
			}
			if word.MatchString(description) {
				score += 2
			}
		}
		if scores[tool.Name] = score; score > 0 {
			names = append(names, tool.Name)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return scores[b] - scores[a] })
	return names
}
