package schema

import (
	"regexp"
	"slices"
	"unicode/utf8"
)

// node is a schema that answers quickly. It has the keywords that definitions
// use. A schema with other keywords has no nodes, and v5 validates its values.
type node struct {
	never  bool  // the schema false
	kinds  kinds // 0: any
	enum   []any
	words  []string // enum again, if all values are strings
	format func(any) bool

	object *objectRules
	array  *arrayRules
	text   *textRules
	number *numberRules

	not                 *node
	allOf, anyOf, oneOf []*node
	test, then, other   *node // if, then, else
}

type objectRules struct {
	properties        map[string]*node
	required          []string
	patterns          []pattern
	additional        *node
	names             *node
	least, most       int // -1: no bound
	dependentRequired map[string][]string
	dependentSchemas  map[string]*node
}

type pattern struct {
	form *regexp.Regexp
	node *node
}

type arrayRules struct {
	prefix                  []*node
	items                   *node
	least, most             int // -1: no bound
	unique                  bool
	contains                *node
	leastContain, mostFound int // mostFound -1: no bound
}

type textRules struct {
	least, most int // -1: no bound
	pattern     *regexp.Regexp
}

type numberRules struct {
	least, most, over, under, multiple *limit
}

// kinds is a set of JSON types.
type kinds uint8

const (
	kindNull kinds = 1 << iota
	kindBoolean
	kindObject
	kindArray
	kindString
	kindNumber
	kindInteger // only in a schema's set: whole numbers
)

var kindNames = map[string]kinds{
	"null": kindNull, "boolean": kindBoolean, "object": kindObject, "array": kindArray,
	"string": kindString, "number": kindNumber, "integer": kindInteger,
}

// check returns whether a value is valid.
func (n *node) check(v any) Answer {
	if n.never {
		return No
	}
	answer := Yes
	switch v := v.(type) {
	case string:
		if n.kinds != 0 && n.kinds&kindString == 0 {
			return No
		}
		if n.text != nil && !n.text.fits(v) {
			return No
		}
	case map[string]any:
		if n.kinds != 0 && n.kinds&kindObject == 0 {
			return No
		}
		if n.object != nil {
			answer = n.object.check(v)
		}
	case []any:
		if n.kinds != 0 && n.kinds&kindArray == 0 {
			return No
		}
		if n.array != nil {
			answer = n.array.check(v)
		}
	case bool:
		if n.kinds != 0 && n.kinds&kindBoolean == 0 {
			return No
		}
	case nil:
		if n.kinds != 0 && n.kinds&kindNull == 0 {
			return No
		}
	case Unknown:
		return n.unknown(v)
	default:
		text, ok := numeral(v)
		if !ok || !sane(text) || !n.takesNumber(text) {
			return No
		}
		if n.number != nil && !n.number.fit(text) {
			return No
		}
	}
	if answer == No {
		return No
	}
	return min(answer, n.general(v))
}

// unknown answers for an unknown value: No only if no possible value is valid.
func (n *node) unknown(v Unknown) Answer {
	if v.Text && n.kinds != 0 && n.kinds&kindString == 0 {
		return No
	}
	if n.composed() {
		return min(Maybe, n.general(v))
	}
	return Maybe
}

func (n *node) takesNumber(text string) bool {
	return n.kinds == 0 || n.kinds&kindNumber != 0 || n.kinds&kindInteger != 0 && isWhole(text)
}

func (n *node) composed() bool {
	return n.not != nil || n.allOf != nil || n.anyOf != nil || n.oneOf != nil || n.test != nil
}

// general answers for the keywords that apply to values of every type.
func (n *node) general(v any) Answer {
	answer := Yes
	if n.enum != nil {
		if answer = n.listed(v); answer == No {
			return No
		}
	}
	if n.format != nil && !isUnknown(v) && !n.format(v) {
		return No
	}
	if !n.composed() {
		return answer
	}
	for _, each := range n.allOf {
		if answer = min(answer, each.check(v)); answer == No {
			return No
		}
	}
	if n.anyOf != nil {
		any := No
		for _, each := range n.anyOf {
			if any = max(any, each.check(v)); any == Yes {
				break
			}
		}
		answer = min(answer, any)
	}
	if n.oneOf != nil {
		fits, may := 0, 0
		for _, each := range n.oneOf {
			switch each.check(v) {
			case Yes:
				fits++
			case Maybe:
				may++
			}
		}
		answer = min(answer, exactlyOne(fits, may))
	}
	if n.not != nil {
		answer = min(answer, n.not.check(v).not())
	}
	if n.test != nil {
		answer = min(answer, whether(n.test.check(v),
			func() Answer { return n.then.branch(v) }, func() Answer { return n.other.branch(v) }))
	}
	return answer
}

// exactlyOne answers for oneOf: fits schemas accept the value, may perhaps
// accept it.
func exactlyOne(fits, may int) Answer {
	switch {
	case fits > 1 || fits+may == 0:
		return No
	case may > 0:
		return Maybe
	}
	return Yes
}

// whether answers for if, then and else.
func whether(test Answer, then, other func() Answer) Answer {
	switch test {
	case Yes:
		return then()
	case No:
		return other()
	}
	a, b := then(), other()
	if a == b {
		return a
	}
	return Maybe
}

// branch is check for a schema that may be absent.
func (n *node) branch(v any) Answer {
	if n == nil {
		return Yes
	}
	return n.check(v)
}

func (n *node) listed(v any) Answer {
	if text, ok := v.(string); ok && n.words != nil {
		return yes(slices.Contains(n.words, text))
	}
	any := No
	for _, each := range n.enum {
		if any = max(any, Equal(v, each)); any == Yes {
			break
		}
	}
	return any
}

func (r *textRules) fits(text string) bool {
	if r.least >= 0 || r.most >= 0 {
		// A string has at least a quarter as many characters as bytes.
		if len(text)/utf8.UTFMax < r.least || r.most >= 0 && len(text) > r.most {
			count := utf8.RuneCountInString(text)
			if count < r.least || r.most >= 0 && count > r.most {
				return false
			}
		}
	}
	return r.pattern == nil || r.pattern.MatchString(text)
}

func (r *numberRules) fit(text string) bool {
	return (r.least == nil || compare(text, *r.least) >= 0) &&
		(r.most == nil || compare(text, *r.most) <= 0) &&
		(r.over == nil || compare(text, *r.over) > 0) &&
		(r.under == nil || compare(text, *r.under) < 0) &&
		(r.multiple == nil || isMultiple(text, *r.multiple))
}
