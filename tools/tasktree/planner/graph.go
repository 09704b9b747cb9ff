package planner

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

// step is one task to be.
type step struct {
	id, name string
	clause   *clause
	class    string
	topic    string
	tokens   []token // what it is about
	label    string  // what tells it from the branches beside it
	says     string  // what it does, where the clause is more than this step

	deps []int // what it waits for
	soft []int // of those, the ones that it goes on after whatever their end
	data []int // whose results it works on
	each *each
	when *condition
	// instead are results under a condition that take the place of others,
	// where there are any.
	instead map[int][]int

	def       *executors.Definition
	inputs    map[string]any
	condition string // the expression of when
}

// each is what a step is done for each of.
type each struct {
	noun string
	over []int  // the results with the elements
	name string // else the run input
	// chained: the elements are those of the step before, one result for each.
	chained bool
}

// region is how far a plan has come: what comes next waits for the frontier
// and works on the data.
type region struct{ frontier, data []int }

func (r region) with(other region) region {
	return region{union(r.frontier, other.frontier), union(r.data, other.data)}
}

func union(a, b []int) []int {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// graph lays the clauses out as steps.
type graph struct {
	steps []*step
	now   region // after all that is laid out
	base  region // before the clauses that are beside each other
	last  *clause
	scope int
	inner region // after the last step under the same condition
	// instead are the results that may take the place of others by now.
	instead map[int][]int
	seen    []string // addresses and paths that are read already
}

func layOut(clauses []*clause) *graph {
	g := &graph{instead: map[int][]int{}}
	markTogether(clauses)
	for _, c := range clauses {
		if c.class == metaClass || c.class == noClass {
			continue
		}
		if before := c.opening(g.seen); before != nil && (len(g.now.data) == 0 || c.hasSides()) {
			before.beside = len(g.now.data) > 0
			g.add(before)
		}
		if before := c.takesPart(); before != nil && len(g.now.data) > 0 {
			g.add(before)
		}
		g.add(c)
	}
	return g
}

// opening is the reading of what a clause works on, where it names it: the
// file of "count the rows of orders.csv".
func (c *clause) opening(seen []string) *clause {
	for _, t := range c.each {
		if t.kind == path {
			return &clause{verb: "read", class: "read", tokens: []token{t}, text: "read " + t.text, join: c.join}
		}
	}
	if c.family() != transform || c.beside || c.group > 0 {
		return nil
	}
	end := len(c.tokens)
	ends := []string{"to", "into", "as"}
	if c.class == "merge" || c.class == "aggregate" {
		ends = append(ends, "in") // "put together in one file", but "sort the rows in a.csv"
	}
	if at := slices.IndexFunc(c.tokens, func(t token) bool { return slices.Contains(ends, t.low) }); at >= 0 && c.class != "compare" {
		end = at
	}
	for _, kind := range []string{path, url} {
		verb := map[string]string{path: "read", url: "fetch"}[kind]
		var named []token
		for _, t := range c.tokens[:end] {
			if t.kind == kind && !slices.Contains(seen, t.text) && (kind != path || strings.Contains(t.text, ".")) {
				named = append(named, token{kind: word, text: "and", low: "and"}, t)
			}
		}
		if len(named) > 0 {
			return &clause{verb: verb, class: verb, tokens: named[1:], text: verb + " " + content(named[1:]), join: c.join}
		}
	}
	return nil
}

// takesPart is the cut of the data that a sink speaks of: "save the top 10".
func (c *clause) takesPart() *clause {
	if c.family() != sink || c.each != nil {
		return nil
	}
	for i, t := range c.tokens[:max(0, len(c.tokens)-1)] {
		if !slices.Contains([]string{"first", "top", "last"}, t.low) || c.tokens[i+1].kind != number {
			continue
		}
		end := i + 2
		for end < len(c.tokens) && (c.tokens[end].low == "by" || c.tokens[end].kind == word && !slices.Contains(prepositions, c.tokens[end].low)) {
			end++
		}
		tokens := c.tokens[i:end]
		return &clause{verb: "take", class: "head", tokens: tokens, text: "take the " + content(tokens), join: c.join, when: c.when}
	}
	return nil
}

// hasSides: the clause brings together what is there and what it names.
func (c *clause) hasSides() bool {
	return c.class == "compare" || c.class == "join" || c.class == "merge"
}

// markTogether reads "A and B in parallel": what stands before B and is of its
// family is beside it.
func markTogether(clauses []*clause) {
	for i, c := range clauses {
		if !c.together || c.each != nil || c.several() {
			continue
		}
		for ; i > 0 && clauses[i].join != joinThen && clauses[i].join != joinStart && clauses[i-1].family() == c.family() && clauses[i-1].each == nil; i-- {
			clauses[i].beside = true
		}
	}
}

func (c *clause) family() string {
	if c.class == "" {
		return work
	}
	return words().Classes[c.class].Family
}

func (g *graph) add(c *clause) {
	var out region
	g.seen = append(g.seen, literalsOf(c.tokens, path, url)...)
	switch {
	case g.last == nil:
		out = g.place(c, region{})
		g.now = out
	case c.when != nil && g.last.when == c.when:
		out = g.place(c, g.inner)
		g.now.frontier = union(g.now.frontier, out.frontier)
	case g.besideLast(c):
		out = g.place(c, g.base)
		g.now = g.besides(c, out)
	default:
		g.base = g.now
		out = g.place(c, g.now)
		g.now = out
		if c.when != nil {
			g.now = region{union(g.base.frontier, out.frontier), g.base.data}
		}
	}
	g.replaces(c, out)
	g.inner, g.last = out, c
}

// replaces: what is made of data under a condition takes its place where the
// condition holds.
func (g *graph) replaces(c *clause, out region) {
	if c.when == nil || len(g.base.data) != 1 {
		return
	}
	l, before := words(), g.base.data[0]
	for _, i := range out.data {
		made := g.steps[i]
		works := c.family() == transform && len(made.data) == 1 && made.data[0] == before
		stands := c.family() == source && i != before && (has(c.tokens, []string{"instead"}) || has(c.when.tokens, l.Failed) || has(c.when.tokens, l.Empty))
		if made.each == nil && (works || stands) {
			g.instead[before] = append(g.instead[before], i)
		}
	}
}

// besides joins what came out of a clause to the clauses beside it.
func (g *graph) besides(c *clause, out region) region {
	switch {
	case c.when != nil:
		return region{union(g.now.frontier, out.frontier), g.now.data}
	case c.family() == sink:
		return region{union(g.now.frontier, out.frontier), g.now.data}
	}
	return g.now.with(out)
}

func (g *graph) besideLast(c *clause) bool {
	switch {
	case c.group > 0 && c.group == g.last.group:
		return true
	case c.beside:
		return true
	case c.when != nil && g.last.when != nil && c.when.contradicts(g.last.when):
		return true
	case c.family() != source || g.last.family() != source || c.join != joinAnd && c.join != joinComma:
		return false
	case c.when != nil || g.last.when != nil || c.each != nil || has(c.tokens, words().Backward):
		return false
	case c.class == "read" && len(literalsOf(c.tokens, path, url)) == 0 && has(c.tokens, []string{"the"}):
		return false
	}
	return true
}

// place makes the steps of a clause after a region, and gives the region after
// them.
func (g *graph) place(c *clause, from region) region {
	chained := c.scope > 0 && c.scope == g.scope && len(from.data) == 1 && g.steps[from.data[0]].each != nil
	g.scope = c.scope
	parts := c.parts(len(from.data))
	var made []int
	if len(from.data) > 1 && c.family() != source && c.perBranch() {
		for _, i := range from.data {
			part := parts[0]
			part.label = cmp.Or(g.steps[i].label, fmt.Sprint(len(made)+1))
			part.says = c.branch(g.steps[i], part.label)
			made = append(made, g.make(c, part, []int{i}, []int{i}))
		}
	} else {
		for _, part := range parts {
			made = append(made, g.make(c, part, from.frontier, g.taken(c, from)))
		}
		for _, i := range made {
			g.elements(g.steps[i], from, chained)
		}
	}
	switch {
	case c.family() == sink:
		return region{made, from.data}
	case c.family() == source && len(g.steps[made[0]].data) == 0:
		return region{made, union(from.data, made)}
	}
	return region{made, made}
}

// taken are the results that a clause works on.
func (g *graph) taken(c *clause, from region) []int {
	switch c.family() {
	case transform, sink:
		if len(from.data) == 1 && has(c.tokens, words().Both) && g.steps[from.data[0]].clause.family() == transform {
			return union(g.steps[from.data[0]].data, from.data) // "… it, and save both"
		}
		if (c.family() == sink || c.class == "report") && has(c.tokens, []string{"everything", "all results", "all the results", "all of the results"}) {
			return union(from.data, g.unread())
		}
		return from.data
	case source:
		if c.each == nil && !has(c.tokens, []string{"it", "them", "their", "those", "these", "that"}) {
			return nil
		}
		return from.data
	}
	if has(c.tokens, words().Backward) || has(c.tokens, []string{"data", "rows", "records"}) || c.each != nil {
		return from.data
	}
	return nil
}

// unread are the results that nothing works on yet.
func (g *graph) unread() (list []int) {
	for i, s := range g.steps {
		read := slices.ContainsFunc(g.steps, func(other *step) bool { return slices.Contains(other.data, i) })
		if !read && s.clause.family() != sink {
			list = append(list, i)
		}
	}
	return list
}

// perBranch: the clause is for each of the branches before it, not for all of
// them together.
func (c *clause) perBranch() bool {
	switch c.class {
	case "merge", "aggregate", "join", "compare", "report":
		return false
	}
	return c.own || c.each != nil || c.family() == transform && has(c.tokens, words().Both)
}

// elements settles what the elements of a step with "each" are.
func (g *graph) elements(s *step, from region, chained bool) {
	if s.clause.each == nil || s.clause.class == "merge" {
		return
	}
	noun := singular(lastWord(nounAfter(s.clause.each, 0)))
	s.each = &each{noun: noun, over: from.data, chained: chained}
	if len(from.data) == 0 {
		s.each.name = plural(asKey(noun))
	}
	s.data = from.data
}

// asKey is a noun as it can stand in an expression.
func asKey(noun string) string {
	key := strings.Trim(notID().ReplaceAllString(strings.ToLower(noun), "_"), "_")
	if !identifier().MatchString(key) {
		return "element"
	}
	return key
}

func lastWord(tokens []token) string {
	for i := len(tokens) - 1; i >= 0; i-- {
		if tokens[i].kind == word && tokens[i].low != "of" && tokens[i].low != "them" {
			return tokens[i].low
		}
	}
	return "element"
}

func (g *graph) make(c *clause, p part, deps, data []int) int {
	s := &step{clause: c, class: c.class, tokens: p.tokens, label: p.label, says: p.says, when: c.when, data: slices.Clone(data)}
	if p.verb != nil {
		s.class = p.verb.class
	}
	s.deps = union(deps, data)
	if c.when == nil {
		s.instead = maps.Clone(g.instead)
	}
	for _, i := range s.deps { // "read that instead" is for when this has failed
		if slices.ContainsFunc(s.instead[i], func(other int) bool { return g.steps[other].clause.family() == source }) {
			s.soft = append(s.soft, i)
		}
	}
	for _, i := range s.deps {
		if other := g.steps[i]; other.when != nil && other.when != c.when && !slices.Contains(s.soft, i) {
			s.soft = append(s.soft, i)
		}
	}
	about := s.tokens
	if slices.Contains([]string{"email", "e-mail"}, c.verb) && p.verb == nil {
		about = append(slices.Clone(about), token{kind: word, text: c.verb, low: c.verb})
	}
	s.topic = topicOf(s.class, about)
	g.steps = append(g.steps, s)
	return len(g.steps) - 1
}
