package search

import (
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
)

func definitions() []*executors.Definition {
	var defs []*executors.Definition
	for _, e := range builtin.All() {
		defs = append(defs, e.Definition())
	}
	return defs
}

func TestRank(t *testing.T) {
	t.Parallel()
	index := New(definitions())
	for text, want := range map[string]string{
		"query the orders table with SQL":         "db_query",
		"send an HTTP request to a webhook":       "rest_executor",
		"how much memory and CPU are used":        "system_info_executor",
		"start a program with its exit code":      "command_executor",
		"filter, sort and join JSON data":         "data_processor",
		"writing a report into a file":            "file_writer",
		"fan-in of the results: collect, combine": "aggregate_results_executor",
	} {
		query := weights{}
		query.add(text, 1)
		list := index.rank(query)
		if got := list[0].Def.ID; got != want {
			t.Errorf("%q: %s (%.2f) comes first, not %s", text, got, list[0].Score, want)
		}
	}
}

func TestRankIsStable(t *testing.T) {
	t.Parallel()
	index := New(definitions())
	query := weights{}
	query.add("read write data file request query", 1)
	first := index.rank(query)
	for range 50 {
		for i, each := range index.rank(query) {
			if each != first[i] {
				t.Fatalf("place %d is %s, and was %s", i, each.Def.ID, first[i].Def.ID)
			}
		}
	}
}

func TestStem(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"send", "sends", "sending"}, {"query", "queries"}, {"filter", "filters", "filtered", "filtering"},
		{"run", "runs"}, {"file", "files"}, {"aggregate", "aggregates", "aggregated", "aggregating"}, {"process", "processes", "processing"},
	} {
		for _, word := range same[1:] {
			if stem(word) != stem(same[0]) {
				t.Errorf("%s is %s, and %s is %s", word, stem(word), same[0], stem(same[0]))
			}
		}
	}
}
