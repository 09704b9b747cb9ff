package planner

import (
	"cmp"
	"fmt"
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

	deps []int // what it waits for
	soft []int // of those, the ones that it goes on after whatever their end
	data []int // whose results it works on
	each *each
	when *condition

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
}

func layOut(clauses []*clause) *graph {
	g := &graph{}
	markTogether(clauses)
	for _, c := range clauses {
		if c.class == metaClass || c.class == noClass {
			continue
		}
		if before := c.opening(); before != nil && len(g.now.data) == 0 {
			g.add(before)
		}
		g.add(c)
	}
	return g
}

// opening is the reading of what a clause works on, where it names it: the
// file of "count the rows of orders.csv".
func (c *clause) opening() *clause {
	for _, t := range c.each {
		if t.kind == path {
			return &clause{verb: "read", class: "read", tokens: []token{t}, text: "read " + t.text, join: c.join}
		}
	}
	if c.family() != transform || c.beside || c.group > 0 {
		return nil
	}
	end := len(c.tokens)
	if rest, ok := destination(c.tokens); ok && c.class != "count" && c.class != "totals" {
		end -= len(rest)
	}
	for _, t := range c.tokens[:end] {
		switch t.kind {
		case path:
			return &clause{verb: "read", class: "read", tokens: []token{t}, text: "read " + t.text, join: c.join}
		case url:
			return &clause{verb: "fetch", class: "fetch", tokens: []token{t}, text: "fetch " + t.text, join: c.join}
		}
	}
	return nil
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
	g.inner, g.last = out, c
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
	case c.when != nil && g.last.when != nil && &c.when.tokens[0] == &g.last.when.tokens[0] && c.when.negate != g.last.when.negate:
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

// perBranch: the clause is for each of the branches before it, not for all of
// them together.
func (c *clause) perBranch() bool {
	if c.class == "merge" || c.class == "aggregate" || c.class == "join" || c.class == "report" {
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
		s.each.name = plural(noun)
	}
	s.data = from.data
}

func lastWord(tokens []token) string {
	for i := len(tokens) - 1; i >= 0; i-- {
		if tokens[i].kind == word && tokens[i].low != "of" && tokens[i].low != "them" {
			return tokens[i].low
		}
	}
	return "element"
}

// part is one of the steps that a clause stands for.
type part struct {
	tokens []token
	label  string
	verb   *clause // a way of its own to do it
}

func (g *graph) make(c *clause, p part, deps, data []int) int {
	s := &step{clause: c, class: c.class, tokens: p.tokens, label: p.label, when: c.when, data: slices.Clone(data)}
	if p.verb != nil {
		s.class = p.verb.class
	}
	s.deps = union(deps, data)
	for _, i := range s.deps {
		if other := g.steps[i]; other.when != nil && other.when != c.when {
			s.soft = append(s.soft, i)
		}
	}
	s.topic = topicOf(s.class, s.tokens)
	g.steps = append(g.steps, s)
	return len(g.steps) - 1
}

// several: the clause itself stands for steps beside each other.
func (c *clause) several() bool { return len(c.parts(1)) > 1 }

// parts are the steps that a clause stands for: one, or several that it
// counts or lists.
func (c *clause) parts(before int) []part {
	all := slices.Concat(append([][]token{c.tokens}, c.detail...)...)
	one := []part{{tokens: all}}
	n, at := c.number()
	if at >= 0 && c.tokens[at].low == "ways" {
		return c.ways(n)
	}
	if c.each != nil || c.own && before > 1 || has(c.tokens, words().Both) && before > 1 {
		return one
	}
	if list := c.listed(); len(list) > 1 {
		return list
	}
	if n > 1 && c.family() == source {
		many := make([]part, n)
		for i := range many {
			many[i] = part{tokens: all, label: fmt.Sprint(i + 1)}
		}
		return many
	}
	return one
}

// number reads how many of what a clause speaks of: "from two different APIs".
func (c *clause) number() (n, noun int) {
	l := words()
	for i, t := range c.tokens {
		n, ok := l.Numbers[t.low]
		if !ok && t.kind == number {
			if _, err := fmt.Sscanf(t.text, "%d", &n); err != nil || n < 2 || n > 20 {
				continue
			}
			ok = true
		}
		if !ok {
			continue
		}
		for k := i + 1; k < min(i+4, len(c.tokens)); k++ {
			if slices.Contains(l.Countable, c.tokens[k].low) {
				return n, k
			}
			if !slices.Contains(l.Between, c.tokens[k].low) {
				break
			}
		}
	}
	return 1, -1
}

// ways are branches that do the same in different ways, which the clause may
// name: "(filter and aggregate)".
func (c *clause) ways(n int) []part {
	var list []part
	for _, detail := range c.detail {
		inner, _ := split(detail, func(string) bool { return false })
		for _, each := range inner {
			list = append(list, part{tokens: each.tokens, label: each.verb, verb: each})
		}
	}
	for len(list) < n {
		list = append(list, part{label: fmt.Sprint(len(list) + 1)})
	}
	return list
}

func plural(noun string) string {
	switch {
	case strings.HasSuffix(noun, "s"):
		return noun
	case strings.HasSuffix(noun, "y") && !strings.HasSuffix(noun, "ey"):
		return strings.TrimSuffix(noun, "y") + "ies"
	}
	return noun + "s"
}

func singular(noun string) string {
	switch {
	case strings.HasSuffix(noun, "ies"):
		return strings.TrimSuffix(noun, "ies") + "y"
	case strings.HasSuffix(noun, "ss"), !strings.HasSuffix(noun, "s"):
		return noun
	}
	return strings.TrimSuffix(noun, "s")
}
