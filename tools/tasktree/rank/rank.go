// Package rank says which executors fit a text best. It scores their
// definitions with BM25: rare words count for more, repeated ones for less and
// less, and what is in an id or a tag counts for more than what is in a
// description.
package rank

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/chainwright/chainwright/executors"
)

// The parameters of BM25, at their usual values.
const (
	saturation = 1.2
	lengthBias = 0.75
)

// What a word counts for by where it stands.
const (
	inID          = 4
	inTags        = 4
	inTitle       = 3
	inDescription = 1
)

// Index holds the words of definitions. It does not change once it is made.
type Index struct {
	documents []document
	within    map[string]int // in how many documents a word is
	average   float64
}

type document struct {
	def    *executors.Definition
	counts map[string]float64
	length float64
}

// Ranked is a definition and how well it fits; 0 is not at all.
type Ranked struct {
	Definition *executors.Definition
	Score      float64
}

// Query is words and what each of them counts for.
type Query map[string]float64

// Add puts the words of a text into the query. A word that is there already
// keeps the larger weight.
func (q Query) Add(text string, weight float64) {
	for _, word := range Words(text) {
		q[word] = max(q[word], weight)
	}
}

// NewIndex reads the definitions.
func NewIndex(defs []*executors.Definition) *Index {
	x := &Index{within: map[string]int{}}
	total := 0.0
	for _, def := range defs {
		doc := document{def: def, counts: map[string]float64{}}
		add := func(text string, weight float64) {
			for _, word := range Words(text) {
				doc.counts[word] += weight
				doc.length += weight
			}
		}
		add(def.ID, inID)
		add(strings.Join(def.Tags, " "), inTags)
		add(def.Title, inTitle)
		add(def.Description, inDescription)
		for word := range doc.counts {
			x.within[word]++
		}
		total += doc.length
		x.documents = append(x.documents, doc)
	}
	x.average = total / float64(max(1, len(defs)))
	return x
}

// Rank gives all the definitions, the best first; equals keep the order of
// their ids.
func (x *Index) Rank(query Query) []Ranked {
	list := make([]Ranked, 0, len(x.documents))
	words := make([]string, 0, len(query))
	for word := range query {
		words = append(words, word)
	}
	slices.Sort(words) // sums of floats depend on their order
	for _, doc := range x.documents {
		score := 0.0
		for _, word := range words {
			count := doc.counts[word]
			if count == 0 {
				continue
			}
			n := float64(x.within[word])
			rarity := math.Log(1 + (float64(len(x.documents))-n+0.5)/(n+0.5))
			score += query[word] * rarity * count * (saturation + 1) / (count + saturation*(1-lengthBias+lengthBias*doc.length/x.average))
		}
		list = append(list, Ranked{doc.def, score})
	}
	slices.SortStableFunc(list, func(a, b Ranked) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.Definition.ID, b.Definition.ID))
	})
	return list
}

// Knows reports whether a word is in any of the definitions' ids and tags.
func (x *Index) Knows(word string) bool {
	stem := Stem(strings.ToLower(word))
	for _, doc := range x.documents {
		if doc.counts[stem] >= inID {
			return true
		}
	}
	return false
}

// Words are the stems of the words of a text, without those that say nothing.
func Words(text string) []string {
	var list []string
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		if !slices.Contains(silent, word) {
			list = append(list, Stem(word))
		}
	}
	return list
}

// silent are words that are in every text and tell nothing of it.
var silent = strings.Fields("a an and are as at be by for from has in into is it its not of on or that the then this to use was when which with executor")

// Stem cuts the endings of English words, so that sends, sending and send are
// one. It is rough: it only has to do the same on both sides.
func Stem(word string) string {
	for _, ending := range []string{"ations", "ation", "ings", "ing", "ies", "ed", "es", "s", "e"} {
		if stem, ok := strings.CutSuffix(word, ending); ok && len(stem) >= 3 && (ending != "s" || !strings.HasSuffix(stem, "s")) {
			if ending == "ies" {
				return stem + "y"
			}
			if n := len(stem); ending != "s" && ending != "e" && n > 3 && stem[n-1] == stem[n-2] && stem[n-1] != 's' && stem[n-1] != 'l' {
				return stem[:n-1]
			}
			return stem
		}
	}
	return word
}
