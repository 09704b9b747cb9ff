package planner

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/lazyregexp"
)

// What the words of a step say about its inputs.

// wordAfter is the field or name that comes after one of the words.
func wordAfter(tokens []token, after ...string) string {
	for i, t := range tokens {
		if !slices.Contains(after, t.low) {
			continue
		}
		for k := i + 1; k < min(i+4, len(tokens)); k++ {
			next := tokens[k]
			if slices.Contains(empties, next.low) || next.low == "their" || next.low == "its" || next.low == "called" || next.low == "named" || next.low == "two" || next.low == "different" {
				continue
			}
			if next.kind == word && !strings.HasSuffix(next.low, "ing") || next.kind == quoted {
				if after[0] == "by" && t.low == "into" {
					return singular(next.low)
				}
				return next.text
			}
			break
		}
	}
	return ""
}

// fieldIn is the field that a calculation is over: "the average of price",
// "the total of the column amount", "the highest price".
func fieldIn(s *step) string {
	if at, n := find(s.tokens, []string{"average", "mean", "sum", "total", "maximum", "minimum", "highest", "lowest", "largest", "smallest", "max", "min"}); at >= 0 {
		rest := s.tokens[at+n:]
		for len(rest) > 0 && (rest[0].low == "of" || slices.Contains(empties, rest[0].low) || rest[0].low == "field" || rest[0].low == "column" || rest[0].low == "value") {
			rest = rest[1:]
		}
		return fieldWord(rest)
	}
	if rest, ok := cutAfter(s.tokens, "of", "over"); ok {
		return fieldWord(rest)
	}
	return fieldWord(s.tokens)
}

func cutAfter(tokens []token, words ...string) ([]token, bool) {
	i := slices.IndexFunc(tokens, func(t token) bool { return slices.Contains(words, t.low) })
	return tokens[i+1:], i >= 0
}

// fieldWord is the first word that can be the name of a field.
func fieldWord(tokens []token) string {
	for _, t := range tokens {
		if t.kind != word && t.kind != quoted || slices.Contains(prepositions, t.low) || slices.Contains([]string{"average", "mean", "sum", "total", "maximum", "minimum"}, t.low) {
			return ""
		}
		if slices.Contains(empties, t.low) || slices.Contains(words().Backward, t.low) || slices.Contains([]string{"data", "values", "numbers", "items", "rows", "everything"}, t.low) {
			continue
		}
		return strings.ReplaceAll(t.text, "-", "_")
	}
	return ""
}

func orderIn(s *step) string {
	switch {
	case has(s.tokens, []string{"descending", "desc", "highest first", "largest first", "newest first", "highest", "largest", "reverse"}):
		return "desc"
	case has(s.tokens, []string{"ascending", "asc", "lowest first", "smallest first", "oldest first"}):
		return "asc"
	}
	return ""
}

// whereIn is the condition of "where age is greater than 30" in jq.
func whereIn(s *step) string {
	rest, ok := cutAfter(s.tokens, "where", "with", "whose", "having")
	if !ok {
		return ""
	}
	for i := range rest {
		operator, n := comparison(rest, i)
		if n == 0 || i == 0 {
			continue
		}
		field := fieldWord(rest[:i])
		if field == "" || i+n >= len(rest) || !identifier().MatchString(field) {
			return ""
		}
		return "." + field + " " + operator + " " + literalOf(rest[i+n])
	}
	return ""
}

var identifier = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)

func literalOf(t token) string {
	if t.kind == number {
		return numberOf(t)
	}
	if t.low == "true" || t.low == "false" || t.low == "null" {
		return t.low
	}
	return fmt.Sprintf("%q", t.text)
}

// numberOf is a number as JSON writes it: "1,000" and "90%" are 1000 and 90.
func numberOf(t token) string {
	text := strings.NewReplacer(",", "", "%", "", "percent", "", " ", "").Replace(t.low)
	if strings.Count(text, ".") > 1 {
		return "0"
	}
	if trimmed := strings.TrimLeft(text, "0"); trimmed != "" && trimmed[0] != '.' {
		return trimmed
	}
	return text[max(0, len(strings.TrimRight(text, "0"))-len(text)):]
}

// comparison finds the longest words for a comparison at i.
func comparison(tokens []token, i int) (operator string, n int) {
	for _, each := range []string{">=", "<=", ">", "<", "!=", "=="} {
		if length := phrase(tokens, i, words().Comparisons[each]); length > n {
			operator, n = each, length
		}
	}
	if n == 1 && (tokens[i].low == "is" || tokens[i].low == "goes") && i+1 < len(tokens) {
		if inner, m := comparison(tokens, i+1); m > 0 {
			return inner, m + 1
		}
	}
	return operator, n
}

// tableIn is the table that a step names: "the orders table", "table orders".
func tableIn(s *step) string {
	for i, t := range s.tokens {
		if t.low != "table" && t.low != "tables" {
			continue
		}
		for _, k := range []int{i + 1, i - 1} {
			if k < 0 || k >= len(s.tokens) {
				continue
			}
			name := s.tokens[k]
			if name.low == "called" || name.low == "named" {
				continue
			}
			if (name.kind == word || name.kind == quoted) && identifier().MatchString(name.text) && !slices.Contains(empties, name.low) && !slices.Contains(prepositions, name.low) && name.low != "database" && name.low != "db" {
				return name.text
			}
		}
	}
	return ""
}

func selectIn(s *step) string {
	if statement := first(literalsOf(s.tokens, sql)); statement != "" {
		return statement
	}
	if table := tableIn(s); table != "" {
		return "select * from " + table
	}
	return ""
}

func insertIn(s *step) string {
	if s.clause.verb == "delete" || s.clause.verb == "remove" || s.clause.verb == "update" {
		return first(literalsOf(s.tokens, sql))
	}
	if statement := first(literalsOf(s.tokens, sql)); statement != "" {
		return statement
	}
	if table := tableIn(s); table != "" {
		return "insert into " + table + " (data) values (:data)"
	}
	return ""
}

// connectionIn is the database that a step names, or the only one there is.
func (p *planner) connectionIn(s *step) string {
	if name := wordAfter(s.tokens, "connection"); name != "" {
		return name
	}
	known := p.opts.Registry.Policy().Connections("sqlite", "postgres", "mysql")
	for _, t := range s.tokens {
		if slices.Contains(known, t.text) {
			return t.text
		}
	}
	if len(known) == 1 {
		return known[0]
	}
	return ""
}

// commandIn is the command that a step names: in quotes, as a script's path,
// or after the word "command".
func commandIn(s *step) string {
	if found := first(literalsOf(s.tokens, command)); found != "" {
		return found
	}
	if file := first(literalsOf(s.tokens, script)); file != "" {
		return words().Interpreters[file[strings.LastIndexByte(file, '.')+1:]] + " " + file
	}
	rest, ok := cutAfter(s.tokens, "command", "program", "script")
	if !ok {
		if quoted := first(literalsOf(s.tokens, quoted)); quoted != "" {
			return quoted
		}
		if len(s.tokens) > 0 && (slices.Contains(empties, s.tokens[0].low) || slices.Contains(words().Backward, s.tokens[0].low) || s.tokens[0].kind != word) {
			return "" // "run the tests" names no program
		}
		rest = s.tokens
	}
	var parts []string
	for _, t := range rest {
		if t.kind == mark || slices.Contains(prepositions, t.low) || t.low == "and" {
			break
		}
		parts = append(parts, t.text)
	}
	if s.clause.class != "run" && !ok {
		return ""
	}
	return strings.Join(parts, " ")
}

// numbersIn are the numbers that a step is given to work on.
func numbersIn(s *step) []any {
	var list []any
	for _, t := range s.tokens {
		if t.kind == number {
			list = append(list, json.Number(numberOf(t)))
		}
	}
	return list
}
