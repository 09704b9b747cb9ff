package brief

import (
	"cmp"
	"regexp"
	"slices"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/search"
)

const (
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
	x := search.New(defs)
	for place := range ofClause {
		var best []search.Match
		for _, part := range clause.Split(opts.Requirement, -1) {
			if found := x.Find(part); place < len(found) && found[place].Score > 0 && found[place].Score >= near*found[0].Score {
				best = append(best, found[place])
			}
		}
		slices.SortStableFunc(best, func(a, b search.Match) int { return cmp.Compare(b.Score, a.Score) })
		list = add(list, best)
		if place == 0 { // the data of most tasks has to be brought into another form
			list = add(list, named(defs, search.Usual[:1]))
		}
	}
	for _, part := range clause.Split(opts.Context, -1) {
		if found := x.Find(part); len(found) > 0 && found[0].Score > 0 {
			list = add(list, found[:1])
		}
	}
	needed = len(list)
	list = add(list, named(defs, search.Usual))
	list = add(list, x.Find(opts.Requirement+"\n"+opts.Context))
	return list, min(max(needed, fewest), len(list))
}

func named(defs []*executors.Definition, ids []string) (found []search.Match) {
	for _, id := range ids {
		for _, def := range defs {
			if def.ID == id {
				found = append(found, search.Match{Def: def})
			}
		}
	}
	return found
}

// add appends the definitions that the list does not have.
func add(list []*executors.Definition, more []search.Match) []*executors.Definition {
	for _, each := range more {
		if !slices.Contains(list, each.Def) {
			list = append(list, each.Def)
		}
	}
	return list
}
