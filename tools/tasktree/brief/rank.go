package brief

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/chainwright/chainwright/executors"
)

// The parameters of BM25 have their usual values.
const (
	saturation = 1.2
	lengthBias = 0.75
)

// The weights of a word, by where it stands.
const (
	inID          = 4
	inTags        = 4
	inTitle       = 3
	inDescription = 1
)

// index finds the executors that match a text best. It scores their definitions
// with BM25: rare words count more, each repetition counts less, and words in an
// id or a tag count more than words in a description. It is immutable.
//
// It is written by hand: a search library such as bleve adds megabytes to the
// program, for an index of some dozens of definitions.
type index struct {
	documents []document
	within    map[string]int // number of documents that have the word
	average   float64
}

type document struct {
	def    *executors.Definition
	counts map[string]float64
	length float64
}

// ranked is a definition and its score; 0 means no match.
type ranked struct {
	def   *executors.Definition
	score float64
}

// weights are the words of a query and their weights.
type weights map[string]float64

// add adds the words of a text to the query. A word that the query already has
// keeps the larger weight.
func (q weights) add(text string, weight float64) {
	for _, word := range stems(text) {
		q[word] = max(q[word], weight)
	}
}

// newIndex indexes the definitions.
func newIndex(defs []*executors.Definition) *index {
	x := &index{within: map[string]int{}}
	total := 0.0
	for _, def := range defs {
		doc := document{def: def, counts: map[string]float64{}}
		add := func(text string, weight float64) {
			for _, word := range stems(text) {
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

// rank returns all definitions, the best match first. Definitions with the same
// score are in the order of their ids.
func (x *index) rank(query weights) []ranked {
	list := make([]ranked, 0, len(x.documents))
	words := make([]string, 0, len(query))
	for word := range query {
		words = append(words, word)
	}
	slices.Sort(words) // the sum of floats depends on their order
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
		list = append(list, ranked{doc.def, score})
	}
	slices.SortStableFunc(list, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.score, a.score), strings.Compare(a.def.ID, b.def.ID))
	})
	return list
}

// stems returns the stems of the words of a text, without stop words.
func stems(text string) []string {
	var list []string
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		if !slices.Contains(silent, word) {
			list = append(list, stem(word))
		}
	}
	return list
}

// silent are the stop words: they are in most texts, or in most requirements.
var silent = strings.Fields("a an and are as at be by for from has in into is it its not of on or that the then this to use was when which with executor generate")

// stem removes the endings of English words, so that sends, sending and send
// are the same. It is rough: it only has to treat queries and definitions in
// the same way.
func stem(word string) string {
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
