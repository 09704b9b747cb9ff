package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What the words of a step say about the program that does it.

// per is the field by which a step calculates: "the total per customer".
func (s *step) per() string {
	if s.each != nil {
		return ""
	}
	return wordAfter(s.tokens, "per", "for each", "by")
}

// perIn groups by a field, and calculates within each group.
func perIn(s *step, place string) string {
	field := strings.ReplaceAll(s.per(), "-", "_")
	program := "{count: length}"
	switch place {
	case "per_totals":
		program = `([.[] | to_entries[] | select(.value | type == "number")] | group_by(.key) | map({key: .[0].key, value: (map(.value) | add)}) | from_entries)`
	case "per_average":
		program = `([.[] | to_entries[] | select(.value | type == "number")] | group_by(.key) | map({key: .[0].key, value: (map(.value) | add / length)}) | from_entries)`
	}
	return fmt.Sprintf("group_by(.[%[1]q]) | map(%[2]s + {%[1]q: .[0][%[1]q]})", field, program)
}

// headIn takes the first or the last of a list: "the first 100", "the top 10
// by total".
func headIn(s *step) string {
	n := cmp.Or(numberAfter(s.tokens, "first", "top", "last", "to"), numberBefore(s.tokens, "rows", "items", "records", "results", "entries"))
	if n == 0 {
		n = 1
		if !has(s.tokens, []string{"first", "top", "last"}) {
			return ""
		}
	}
	sorted := ""
	if by := wordAfter(s.tokens, "by"); by != "" {
		sorted = fmt.Sprintf("sort_by(.[%q]) | ", strings.ReplaceAll(by, "-", "_"))
		if has(s.tokens, []string{"top"}) {
			sorted += "reverse | "
		}
	}
	if has(s.tokens, []string{"last"}) {
		return fmt.Sprintf("%s.[-%d:]", sorted, n)
	}
	return fmt.Sprintf("%s.[:%d]", sorted, n)
}

// linesIn counts lines: all, or those that hold a text.
func linesIn(s *step) string {
	if held := cmp.Or(first(literalsOf(s.tokens, quoted)), wordAfter(s.tokens, "containing", "contain", "contains", "with", "matching", "mentioning")); held != "" {
		return fmt.Sprintf(`[.. | strings | split("\n")[]] | map(select(contains(%q))) | length`, held)
	}
	return `if type == "array" and (.[0] | type) == "object" then length else [.. | strings | split("\n")[] | select(. != "")] | length end`
}

// numberAfter is the number right after one of the words; 0 without.
func numberAfter(tokens []token, after ...string) int {
	for i, t := range tokens[:max(0, len(tokens)-1)] {
		if slices.Contains(after, t.low) && tokens[i+1].kind == number {
			return whole(tokens[i+1])
		}
	}
	return 0
}

// numberBefore is the number before one of the words, with at most one word
// between; 0 without.
func numberBefore(tokens []token, before ...string) int {
	for i, t := range tokens {
		for k := max(0, i-2); k < i; k++ {
			if slices.Contains(before, t.low) && tokens[k].kind == number {
				return whole(tokens[k])
			}
		}
	}
	return 0
}

func whole(t token) int {
	n, err := strconv.Atoi(numberOf(t))
	if err != nil || n < 1 || n > 1_000_000 {
		return 0
	}
	return n
}
