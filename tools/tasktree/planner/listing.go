package planner

import (
	"slices"
)

// listed gives the steps of a clause that lists what it is about: "the CPU and
// the memory", "users.json and orders.json". A list that is one thing to the
// executor stays one step.
func (c *clause) listed() []part {
	if c.family() != source && c.family() != work {
		return nil
	}
	for _, detail := range c.detail {
		if items := itemize(detail, true); len(items) > 1 && (c.together || c.group > 0 || isResources(items)) {
			return parts(c.tokens, nil, items, func(item []token) string { return c.does(content(item)) })
		}
	}
	if items, before, after := c.machines(); len(items) > 1 {
		return parts(before, after, items, func(item []token) string {
			return c.does(content(before), "on", content(item), content(after))
		})
	}
	items, before, after := enumeration(c.tokens)
	if len(items) < 2 {
		return nil
	}
	if c.together || isResources(items) || literalItems(items) || eachFrom(items) {
		return parts(before, after, items, func(item []token) string { return c.oneOf(before, item, after) })
	}
	return nil
}

// machines are the hosts that a clause names one by one: "on web01 and web02".
func (c *clause) machines() (items [][]token, before, after []token) {
	remote, _ := words().Topics.find("ssh")
	at := slices.IndexFunc(c.tokens, func(t token) bool { return t.low == "on" })
	if at < 0 || !has(c.tokens, remote.Nouns) {
		return nil, nil, nil
	}
	end := at + 1
	for end < len(c.tokens) && (c.tokens[end].kind == host || c.tokens[end].kind == word && !slices.Contains(prepositions, c.tokens[end].low) || c.tokens[end].text == ",") {
		end++
	}
	return itemize(c.tokens[at+1:end], true), c.tokens[:at], c.tokens[end:]
}

func parts(before, after []token, items [][]token, says func([]token) string) []part {
	var list []part
	for _, item := range items {
		label := item
		if at := slices.IndexFunc(item, func(t token) bool { return t.low == "from" }); at > 0 {
			label = item[:at]
		}
		list = append(list, part{tokens: slices.Concat(item, before, after), label: content(label), says: says(item)})
	}
	return list
}

// itemize splits at commas and "and".
func itemize(tokens []token, articles bool) [][]token {
	var items [][]token
	var item []token
	flush := func() {
		for len(item) > 0 && articles && slices.Contains([]string{"the", "a", "an", "both", "from", "about", "of"}, item[0].low) {
			item = item[1:]
		}
		if len(item) > 0 {
			items = append(items, item)
		}
		item = nil
	}
	for _, t := range tokens {
		if t.kind == mark && t.text == "," || t.low == "and" {
			flush()
			continue
		}
		item = append(item, t)
	}
	flush()
	return items
}

// enumeration finds the list in a clause, and what stands around it.
func enumeration(tokens []token) (items [][]token, before, after []token) {
	joint := slices.IndexFunc(tokens, func(t token) bool { return t.low == "and" || t.kind == mark && t.text == "," })
	if joint <= 0 || joint == len(tokens)-1 {
		return nil, nil, nil
	}
	last := joint
	for i, t := range tokens {
		if t.low == "and" {
			last = i
		}
	}
	// The first item begins after the last preposition or article before the
	// first joint; the last item ends at the next preposition.
	from := 0
	for i := joint - 1; i >= 0; i-- {
		if slices.Contains(prepositions, tokens[i].low) || slices.Contains([]string{"the", "both"}, tokens[i].low) {
			from = i + 1
			break
		}
	}
	to := len(tokens)
	for i := last + 1; i < len(tokens); i++ {
		if i > last+1 && slices.Contains(prepositions, tokens[i].low) {
			to = i
			break
		}
	}
	if whole := itemize(tokens, false); len(whole) > 1 && eachFrom(whole) {
		return whole, nil, nil // "users from the API and orders from the database"
	}
	return itemize(tokens[from:to], true), tokens[:from], tokens[to:]
}

// eachFrom: each item says where it is from.
func eachFrom(items [][]token) bool {
	return !slices.ContainsFunc(items, func(item []token) bool { return !has(item, []string{"from"}) })
}

// isResources: all items name parts of a machine, which are measured beside
// each other.
func isResources(items [][]token) bool {
	system, _ := words().Topics.find("system")
	return !slices.ContainsFunc(items, func(item []token) bool { return !has(item, system.Nouns) })
}

// literalItems: each item has an address or a path of its own.
func literalItems(items [][]token) bool {
	return !slices.ContainsFunc(items, func(item []token) bool {
		return len(literalsOf(item, url, socket, path, host, command, script)) == 0
	})
}

// topicOf is what a step is about, among what its class knows: by what comes
// after "to" or "from" first, then by anything.
func topicOf(name string, tokens []token) string {
	l := words()
	class, ok := l.Classes[name]
	if !ok {
		class = l.Classes["run"]
	}
	for _, each := range l.Topics {
		if each.Sure && slices.Contains(class.Topics, each.Name) && (has(tokens, each.Nouns) || len(literalsOf(tokens, each.Literals...)) > 0) {
			return each.Name
		}
	}
	places := [][]token{}
	if class.Family == sink {
		if rest, ok := destination(tokens); ok {
			places = append(places, rest)
		}
	}
	if rest, ok := origin(tokens); ok {
		places = append(places, rest)
	}
	if class.Family == transform {
		if rest, ok := destination(tokens); ok {
			places = append(places, rest)
		}
	}
	places = append(places, tokens)
	rest, _ := destination(tokens)
	for _, place := range places {
		// What a transform is done in is no file, unless it ends in one.
		if found := topicIn(class, place); found != "" && (found != "file" || class.Family != transform || topicIn(class, rest) == "file") {
			return found
		}
	}
	if !ok {
		return ""
	}
	return class.Topic
}

func topicIn(class class, tokens []token) string {
	for _, each := range words().Topics {
		if slices.Contains(class.Topics, each.Name) && (len(literalsOf(tokens, each.Literals...)) > 0 || has(tokens, each.Nouns)) {
			return each.Name
		}
	}
	return ""
}
