// Package nearest finds the known names that are most like an unknown one. It is not a stable API.
//
// It is written by hand: libraries compute a distance, but the rule for which
// names are close enough to suggest is most of this package.
package nearest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// tooLong is the longest name that is compared, in bytes. The cost grows with
// the square of the length.
const tooLong = 100

// To returns at most three of the known names, the most similar first; none if
// none is similar.
func To(name string, known []string) []string {
	if name == "" || len(name) > tooLong {
		return nil
	}
	type candidate struct {
		name  string
		score int
	}
	var found []candidate
	wanted := strings.ToLower(name)
	for _, each := range known {
		if len(each) > tooLong {
			continue
		}
		if score, ok := score(wanted, strings.ToLower(each)); ok {
			found = append(found, candidate{each, score})
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.score, b.score), strings.Compare(a.name, b.name))
	})
	var names []string
	for _, each := range found[:min(len(found), 3)] {
		if each.score > found[0].score+2 {
			break // next to a much better one it is only noise
		}
		names = append(names, each.name)
	}
	return names
}

// Hint asks for the most similar name: did you mean "timeout"? It is empty if
// none is similar.
func Hint(name string, known []string) string {
	if names := To(name, known); len(names) > 0 {
		return fmt.Sprintf("did you mean %q?", names[0])
	}
	return ""
}

// score returns how far apart two names are, and whether they are similar at
// all.
func score(a, b string) (int, bool) {
	distance := distance(a, b)
	if distance <= max(1, min(len(a), len(b))/3) {
		return distance, true
	}
	// "rest" means "rest_executor", "file" means "file_reader".
	if len(a) >= 3 && (strings.Contains(b, a) || len(b) >= 3 && strings.Contains(a, b)) {
		return 50 + distance, true
	}
	// "depends_on" means "dependencies": the same stem with another ending.
	if stem := stem(a, b); stem >= 6 && 2*stem >= min(len(a), len(b)) {
		return 70 + distance, true
	}
	return 0, false
}

// stem counts the letters that both names begin with.
func stem(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// distance counts the letters to add, remove, change or swap with the next
// one.
func distance(a, b string) int {
	previous, current := make([]int, len(b)+1), make([]int, len(b)+1)
	before := make([]int, len(b)+1)
	for j := range current {
		current[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, previous, current = previous, current, before
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
	}
	return current[len(b)]
}
