package planner

import (
	"encoding/json"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind int

const (
	end      kind = iota
	word          // also what no other kind fits
	number        // 12 or 12.5; percent is set for 12%
	date          // 2026-01-31
	address       // an http or https URL
	filePath      // a file: it has a separator or a known ending
	email         //
	host          // a name with dots, or host:port
	quoted        // "text"
	code          // `text`
	object        // {"a": 1}
	mark          // , ; . : ( ) ? and line ends, "\n"
)

// token is a piece of the requirement, from byte from to byte to. Everything
// but white space is in a token, so that nothing can be overlooked.
type token struct {
	kind     kind
	text     string // without quotes
	low      string // of words and marks: in lower case
	percent  bool
	from, to int
}

var (
	numberForm  = regexp.MustCompile(`^-?\d+(\.\d+)?%?$`)
	dateForm    = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
	emailForm   = regexp.MustCompile(`^[\w.+-]+@[\w-]+(\.[\w-]+)+$`)
	hostForm    = regexp.MustCompile(`^[\w-]+(\.[\w-]+)*(:\d+|\.[\w-]+)$`)
	fileForm    = regexp.MustCompile(`(?i)^[\w.-]+\.(json|jsonl|ndjson|csv|tsv|txt|md|log|ya?ml|xml|html|py|sh|js|rb)$`)
	folderForm  = regexp.MustCompile(`^([\w-]+:|~/|\.{0,2}/)?[\w.@+-]+(/[\w.@+-]+)*$`)
	bulletForm  = regexp.MustCompile(`^(\d{1,3}[.)]|[-*•])\s`)
	addressForm = regexp.MustCompile(`^https?://[^\s"'<>` + "`" + `]+`)
)

// scan splits a requirement into tokens.
func scan(text string) []token {
	var tokens []token
	for i, lineStart := 0, true; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		t := token{kind: mark, from: i, to: i + size}
		switch {
		case lineStart && bulletForm.MatchString(text[i:min(len(text), i+8)]):
			lineStart = false
			i += len(bulletForm.FindString(text[i:min(len(text), i+8)]))
			continue
		case r == '\n':
			lineStart = true
			t.text = "\n"
		case unicode.IsSpace(r):
			i += size
			continue
		case strings.HasPrefix(text[i:], "->") || strings.HasPrefix(text[i:], "=>"):
			t.to, t.text = i+2, "->"
		case r == '→':
			t.text = "->"
		case strings.ContainsRune(",;:.!?()", r) && (r != '.' || i+1 == len(text) || strings.ContainsAny(text[i+1:i+2], " \t\r\n,;:!?()")):
			t.text = text[i : i+size]
		default:
			t = piece(text, i)
		}
		lineStart = lineStart && r == '\n'
		if t.kind == mark || t.kind == word {
			if t.text == "" {
				t.text = text[t.from:t.to]
			}
			t.low = strings.ToLower(t.text)
		}
		tokens = append(tokens, t)
		i = t.to
	}
	return tokens
}

// piece reads the token at i, which is no mark.
func piece(text string, i int) token {
	rest := text[i:]
	for open, shut := range map[string]string{"`": "`", `"`: `"`, "“": "”", "'": "'"} {
		if !strings.HasPrefix(rest, open) {
			continue
		}
		if n := strings.Index(rest[len(open):], shut); n > 0 {
			t := token{kind: quoted, text: rest[len(open) : len(open)+n], from: i, to: i + len(open) + n + len(shut)}
			if open == "`" {
				t.kind = code
			}
			return t
		}
	}
	if rest[0] == '{' {
		decoder := json.NewDecoder(strings.NewReader(rest))
		var raw json.RawMessage
		if decoder.Decode(&raw) == nil {
			return token{kind: object, text: string(raw), from: i, to: i + len(raw)}
		}
	}
	run := addressForm.FindString(rest)
	if run == "" {
		run = rest
		if n := strings.IndexFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",;()", r) }); n > 0 {
			run = rest[:n]
		}
	}
	if trimmed := strings.TrimRight(run, ".,;:!?)"); trimmed != "" {
		run = trimmed
	}
	t := token{kind: word, text: run, from: i, to: i + len(run)}
	switch {
	case addressForm.MatchString(run):
		t.kind = address
	case numberForm.MatchString(run):
		t.kind, t.percent = number, strings.HasSuffix(run, "%")
		t.text = strings.TrimSuffix(run, "%")
	case dateForm.MatchString(run):
		t.kind = date
	case emailForm.MatchString(run):
		t.kind = email
	case fileForm.MatchString(run):
		t.kind = filePath
	case strings.Contains(run, "/") && folderForm.MatchString(run):
		t.kind = filePath
	case hostForm.MatchString(run):
		t.kind = host
	}
	return t
}
