// Package search finds the executors that do what a text asks for. It is not a stable API.
// The planner's brief and find_executor use it.
package search

import (
	"cmp"
	_ "embed"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors"
)

// Usual are the executors that most plans use. They count more where a text
// could mean several.
var Usual = []string{"data_processor", "rest_executor", "file_writer", "db_query", "file_reader", "aggregate_results_executor", "command_executor"}

const (
	// favor is the factor for the score of the usual executors.
	favor = 1.5
	// likeness is the weight of a synonym of a word.
	likeness = 0.7
)

//go:embed synonyms.yaml
var synonymsYAML []byte

// The parameters of BM25 have their usual values.
const (
	saturation = 1.2
	lengthBias = 0.75
)

// The weights of a word, by where it stands.
const (
	inID          = 4
	inTags        = 4
	inHint        = 4
	inTitle       = 3
	inDescription = 1
)

// Index finds the executors that match a text best. It scores their definitions
// with BM25: rare words count more, each repetition counts less, and words in an
// id or a tag count more than words in a description. It is immutable.
//
// It is written by hand: a search library such as bleve adds megabytes to the
// program, for an index of some dozens of definitions.
type Index struct {
	documents []document
	within    map[string]int // number of documents that have the word
	average   float64
}

type document struct {
	def    *executors.Definition
	counts map[string]float64
	length float64
}

// Match is a definition and its score; 0 means no match.
type Match struct {
	Def   *executors.Definition
	Score float64
}

// weights are the words of a query and their weights.
type weights map[string]float64

// add adds the words of a text to the query. A word that the query already has
// keeps the larger weight.
func (q weights) add(text string, weight float64) {
	for _, word := range Stems(text) {
		q[word] = max(q[word], weight)
	}
}

// New indexes the definitions.
func New(defs []*executors.Definition) *Index {
	x := &Index{within: map[string]int{}}
	ids := make(map[string]bool, len(defs))
	for _, def := range defs {
		ids[def.ID] = true
	}
	total := 0.0
	for _, def := range defs {
		doc := document{def: def, counts: map[string]float64{}}
		add := func(text string, weight float64) {
			for _, word := range Stems(text) {
				doc.counts[word] += weight
				doc.length += weight
			}
		}
		add(def.ID, inID)
		add(strings.Join(def.Tags, " "), inTags)
		add(def.SearchHint, inHint)
		add(def.Title, inTitle)
		add(about(def, ids), inDescription)
		for word := range doc.counts {
			x.within[word]++
		}
		total += doc.length
		x.documents = append(x.documents, doc)
	}
	x.average = total / float64(max(1, len(defs)))
	return x
}

// Find returns all definitions, the best match for a text first. It also looks
// for synonyms of the words, and prefers the usual executors.
func (x *Index) Find(text string) []Match {
	query := weights{}
	query.add(text, 1)
	for _, word := range Stems(text) {
		query.add(synonyms()[word], likeness)
	}
	found := x.rank(query)
	for i := range found {
		if slices.Contains(Usual, found[i].Def.ID) {
			found[i].Score *= favor
		}
	}
	slices.SortStableFunc(found, func(a, b Match) int { return cmp.Compare(b.Score, a.Score) })
	return found
}

// about returns the sentences of a description that are about the executor
// itself. A sentence that names another one says what that one is for, and the
// words of the example are about its data.
func about(def *executors.Definition, ids map[string]bool) string {
	text, _, _ := strings.Cut(def.Description, "Example: ")
	sentences := strings.SplitAfter(text, ". ")
	return strings.Join(slices.DeleteFunc(sentences, func(sentence string) bool {
		return slices.ContainsFunc(strings.FieldsFunc(sentence, notInIDs), func(word string) bool { return word != def.ID && ids[word] })
	}), "")
}

func notInIDs(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' }

// rank returns all definitions, the best match first. Definitions with the same
// score are in the order of their ids.
func (x *Index) rank(query weights) []Match {
	list := make([]Match, 0, len(x.documents))
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
		list = append(list, Match{doc.def, score})
	}
	slices.SortStableFunc(list, func(a, b Match) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.Def.ID, b.Def.ID))
	})
	return list
}

// Stems returns the stems of the words of a text, without stop words.
func Stems(text string) []string {
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

// synonyms returns more words for the stem of a word.
var synonyms = sync.OnceValue(func() map[string]string {
	var all map[string]string
	if err := yaml.Unmarshal(synonymsYAML, &all); err != nil {
		panic(fmt.Errorf("synonyms.yaml: %w", err))
	}
	byStem := map[string]string{}
	for word, more := range all {
		byStem[stem(word)] = more
	}
	return byStem
})
