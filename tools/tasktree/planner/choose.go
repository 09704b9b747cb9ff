package planner

import (
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools/tasktree/rank"
)

// What the words of a step count for when its executor is looked for.
const (
	byTopic = 3.0
	byClass = 1.5
	byWords = 0.4
	byVerb  = 1.0
)

// An executor that policy has closed is taken only where it fits better than
// any open one by this much.
const closedHandicap = 0.55

// What is left of a score where the executor is not made for the topic.
const offTopic = 0.2

// candidates reads the definitions that a plan may use.
func (p *planner) candidates() {
	var defs []*executors.Definition
	for _, e := range p.opts.Registry.All() {
		def := e.Definition()
		if slices.Contains(p.opts.Exclude, def.ID) || len(p.opts.Allowed) > 0 && !slices.Contains(p.opts.Allowed, def.ID) {
			continue
		}
		defs = append(defs, def)
	}
	p.index = rank.NewIndex(defs)
}

// choose finds the executor of a step.
func (p *planner) choose(s *step) *executors.Error {
	l := words()
	query := rank.Query{}
	class := l.Classes[s.class]
	about, named := l.Topics.find(s.topic)
	switch {
	case !named:
		query.Add(class.Search, byTopic)
	case s.topic == class.Topic:
		query.Add(about.Search, byTopic)
		query.Add(class.Search, byTopic)
	default:
		query.Add(about.Search, byTopic)
		query.Add(class.Search, byWords)
	}
	if s.topic == "file" && class.Family == transform {
		query.Add(l.Classes["save"].Search, byTopic)
	}
	query.Add(s.clause.verb, byVerb)
	for _, t := range s.tokens {
		if t.kind == word && !slices.Contains(l.Backward, t.low) {
			query.Add(t.low, byWords)
		}
	}
	if s.clause.verb == "" {
		query.Add(s.clause.text, byTopic)
	}
	list := p.index.Rank(query)
	made := false
	for i := range list {
		if named && !fits(list[i].Definition, about) {
			list[i].Score *= offTopic
		} else {
			made = true
		}
	}
	best := p.best(s, list, class.Family)
	if best.Score <= 0 {
		return executors.Errorf(executors.ValidationError, "no executor here can do %q", s.clause.text).WithField("requirement").
			WithHint("leave it out, or allow an executor that does it")
	}
	s.def = best.Definition
	if !made {
		p.warn("no executor here is made for %s: %q is done by %s", s.topic, s.clause.text, s.def.ID)
	}
	return nil
}

// fits reports whether an executor goes by the name of a topic.
func fits(def *executors.Definition, about topic) bool {
	own := rank.NewIndex([]*executors.Definition{def})
	return own.Knows(about.Name) || slices.ContainsFunc(about.Nouns, func(noun string) bool {
		return !strings.Contains(noun, " ") && own.Knows(noun)
	})
}

// best takes the first that is open, unless a closed one fits far better, and
// gives way to one that can do without results where there are none.
func (p *planner) best(s *step, list []rank.Ranked, family string) rank.Ranked {
	var best rank.Ranked
	for _, each := range list {
		score := each.Score
		if _, closed := p.opts.Registry.Closed(each.Definition.ID); closed {
			score *= closedHandicap
		}
		if each.Definition.AcceptsDependencies && (len(s.data) == 0 || s.each != nil || s.ofWays()) {
			score = 0
		}
		if family == source && len(s.data) == 0 && slices.Contains(requiredOf(each.Definition), "data") {
			score = 0
		}
		if score > best.Score {
			best = rank.Ranked{Definition: each.Definition, Score: score}
		}
	}
	return best
}

// ofWays: the step is one way among several to work on the same data.
func (s *step) ofWays() bool { return s.class == "aggregate" && s.clause.class != "aggregate" }
