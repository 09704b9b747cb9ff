package brief

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors"
)

// usual are the executors that most plans use. They come first where a
// requirement says little, and count more where it could mean several.
var usual = []string{"data_processor", "rest_executor", "file_writer", "db_query", "file_reader", "aggregate_results_executor", "command_executor"}

const (
	// favor is the factor for the score of the usual executors.
	favor = 1.5
	// ofClause is how many of the best matches of each clause are described, if
	// their score is at least this part of the best.
	ofClause, near = 3, 0.5
	// fewest is how many executors are described, if only by the usual ones.
	fewest = 4
)

// clause matches what separates the clauses of a requirement: each may need
// another executor.
var clause = regexp.MustCompile(`[,;:.()\n]|\b(?:and|then)\b`)

// choose returns the executors of a plan, the most likely first, open or closed,
// and how many of them the requirement needs.
func choose(opts Options) (list []*executors.Definition, needed int) {
	var defs []*executors.Definition
	for _, e := range opts.Registry.All() {
		def := e.Definition()
		if !slices.Contains(opts.Exclude, def.ID) && (len(opts.Allowed) == 0 || slices.Contains(opts.Allowed, def.ID)) {
			defs = append(defs, def)
		}
	}
	x := newIndex(defs)
	for place := range ofClause {
		var best []ranked
		for _, part := range clause.Split(opts.Requirement, -1) {
			if found := favored(x, part); place < len(found) && found[place].score > 0 && found[place].score >= near*found[0].score {
				best = append(best, found[place])
			}
		}
		slices.SortStableFunc(best, func(a, b ranked) int { return cmp.Compare(b.score, a.score) })
		list = add(list, best)
		if place == 0 { // the data of most tasks has to be brought into another form
			list = add(list, named(defs, usual[:1]))
		}
	}
	for _, part := range clause.Split(opts.Context, -1) {
		if found := favored(x, part); len(found) > 0 && found[0].score > 0 {
			list = add(list, found[:1])
		}
	}
	needed = len(list)
	list = add(list, named(defs, usual))
	list = add(list, favored(x, opts.Requirement+"\n"+opts.Context))
	return list, min(max(needed, fewest), len(list))
}

// favored returns all definitions, the best match first.
func favored(x *index, text string) []ranked {
	query := weights{}
	query.add(text, 1)
	for _, word := range stems(text) {
		query.add(synonyms()[word], 0.7)
	}
	found := x.rank(query)
	for i := range found {
		if slices.Contains(usual, found[i].def.ID) {
			found[i].score *= favor
		}
	}
	slices.SortStableFunc(found, func(a, b ranked) int { return cmp.Compare(b.score, a.score) })
	return found
}

// synonyms returns more words for the stem of a word.
var synonyms = sync.OnceValue(func() map[string]string {
	var all map[string]string
	if err := yaml.Unmarshal([]byte(text("synonyms.yaml")), &all); err != nil {
		panic(fmt.Errorf("synonyms.yaml: %w", err))
	}
	byStem := map[string]string{}
	for word, more := range all {
		byStem[stem(word)] = more
	}
	return byStem
})

func named(defs []*executors.Definition, ids []string) (found []ranked) {
	for _, id := range ids {
		for _, def := range defs {
			if def.ID == id {
				found = append(found, ranked{def: def})
			}
		}
	}
	return found
}

// add appends the definitions that the list does not have.
func add(list []*executors.Definition, more []ranked) []*executors.Definition {
	for _, each := range more {
		if !slices.Contains(list, each.def) {
			list = append(list, each.def)
		}
	}
	return list
}
