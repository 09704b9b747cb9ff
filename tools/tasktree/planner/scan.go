package planner

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/chainwright/chainwright/executors/lazyregexp"
)

// What a token is. Everything but words and marks is taken as it stands.
const (
	word    = "word"
	mark    = "mark" // punctuation
	number  = "number"
	url     = "url"
	socket  = "socket" // the URL of a websocket
	host    = "host"
	email   = "email"
	path    = "path"
	script  = "script" // a path with an interpreter
	sql     = "sql"
	command = "command"
	image   = "image"   // name:tag
	service = "service" // of gRPC: package.Service or package.Service/Method
	quoted  = "quoted"
)

// token is a word, a mark or a literal of a requirement. A literal is never
// split, whatever is in it.
type token struct {
	kind string
	text string // as it stands, without quotes
	low  string
}

func (t token) literal() bool { return t.kind != word && t.kind != mark && t.kind != number }

const endings = `(?:csv|tsv|jsonl?|ndjson|txt|md|ya?ml|xml|html?|log|parquet|xlsx?|pdf|db|sqlite3?|png|jpe?g|svg|zip|gz|tar|ini|conf|toml|proto|py|sh|js|rb|pl|R|ps1)`

// literals are looked for in this order at each place that a word can begin.
var literals = []struct {
	kind string
	form func() *regexp.Regexp
}{
	{socket, lazyregexp.New(`^wss?://[^\s<>"'` + "`" + `,;)\]}]+`)},
	{url, lazyregexp.New(`^(?:https?|grpcs?)://(?:[^\s<>"'` + "`" + `,;)\]{}]|\{\w+\})+`)},
	{email, lazyregexp.New(`^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`)},
	{path, lazyregexp.New(`^(?:[A-Za-z]:\\|~/|\.{1,2}/|/|[a-z]\w*:)?(?:[\w.*-]+[/\\])*[\w*-][\w.*-]*\.` + endings + `\b`)},
	{path, lazyregexp.New(`^(?:~/|\.{1,2}/|/)[\w.*-]+(?:/[\w.*-]*)*`)},
	{host, lazyregexp.New(`^(?:localhost|\d{1,3}(?:\.\d{1,3}){3})(?::\d+)?(?:/[^\s,;)]*)?`)},
	{host, lazyregexp.New(`^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:com|org|net|io|dev|ai|app|edu|gov|eu|de|uk|internal|local|example|test|invalid)(?::\d+)?(?:/[^\s,;)]*)?`)},
	{image, lazyregexp.New(`^[a-z][a-z0-9._/-]*:(?:latest|stable|alpine|slim|\d[\w.-]*)`)},
	{service, lazyregexp.New(`^[a-z_]\w*(?:\.[a-z_]\w*)*\.[A-Z]\w*(?:/[A-Z]\w*)?`)},
	{number, lazyregexp.New(`^\d+(?:[.,]\d+)*(?:\s?(?:%|percent\b))?`)},
}

var (
	statement = lazyregexp.New(`(?is)^(?:select\s+(?:\*|[\w.,()* "]+?)\s+from\s+[\w."]+|insert\s+into\s+\w+\s*[(]|update\s+\w+\s+set\s|delete\s+from\s+\w+|with\s+\w+\s+as\s*[(])`)
	prose     = lazyregexp.New(`(?i)\bfrom\s+(?:the|an?|all|each|every|my|our|this|that|it|them)$|^select\s+(?:the|all|only|each|every|those|rows|items|records)\b`)
	goesOn    = lazyregexp.New(`(?i)^\s+(?:where|join|left|inner|group\s+by|order\s+by|limit|having|values)\b`)
	tail      = lazyregexp.New(`(?is)^\s+(?:where|join|left|inner|group\s+by|order\s+by|limit|having|values)\b(?:[^,;.\n]|\.\d|\w\.\w)*?(?:$|[,;\n]|\.\s|\.$|\s+(?:then|and\s+(?:then|save|write|send|store|post|email))\b|\s+on\s+(?:the\s+)?(?:connection|database)\b)`)
	behind    = lazyregexp.New(`(?is)(?:[,;\n]|\.\s?|\s+(?:then|and\s+(?:then|save|write|send|store|post|email))|\s+on\s+(?:the\s+)?(?:connection|database))$`)
	chunk     = lazyregexp.New(`^[\pL\pN_]+(?:['’-][\pL\pN_]+)*`)
	option    = lazyregexp.New(`^--?[A-Za-z0-9][\w=./-]*`)
	symbol    = lazyregexp.New(`^(?:->|=>|→|>=|<=|!=|<>|==|[<>=&])`)
	enumerate = lazyregexp.New(`^\s*(?:\d{1,2}[.)]|[-*•])\s+`)
)

// scan splits a requirement into tokens.
func scan(text string) []token {
	var list []token
	lineStart := true
	for i := 0; i < len(text); {
		if lineStart {
			lineStart = false
			if n := len(enumerate().FindString(text[i:])); n > 0 {
				i += n
				continue
			}
		}
		t, n := next(text[i:], i > 0 && wordByte(text[i-1]))
		if t.kind != "" {
			t.low = strings.ToLower(strings.ReplaceAll(t.text, "’", "'"))
			list = append(list, t)
		}
		lineStart = text[i] == '\n'
		i += n
	}
	return list
}

func wordByte(b byte) bool {
	return b == '_' || b >= 0x80 || unicode.IsLetter(rune(b)) || unicode.IsDigit(rune(b))
}

// next reads one token; inside says that the text goes on from a word.
func next(text string, inside bool) (token, int) {
	if strings.IndexByte(",;:()!?", text[0]) >= 0 { // no literal begins like this
		return token{kind: mark, text: text[:1]}, 1
	}
	if t, n := quotation(text, inside); n > 0 {
		return t, n
	}
	if !inside {
		if n := unquotedSQL(text); n > 0 {
			return token{kind: sql, text: strings.TrimSpace(text[:n])}, n
		}
		for _, each := range literals {
			found := each.form().FindString(text)
			found = strings.TrimRight(found, ".:!?")
			if found == "" || each.kind == number && len(found) < len(text) && wordByte(text[len(found)]) {
				continue
			}
			return token{kind: pathKind(each.kind, found), text: found}, len(found)
		}
		if found := chunk().FindString(text); found != "" {
			return token{kind: word, text: found}, len(found)
		}
	}
	if found := option().FindString(text); found != "" && !inside {
		return token{kind: word, text: found}, len(found)
	}
	if found := symbol().FindString(text); found != "" {
		if found == "->" || found == "=>" || found == "→" {
			return token{kind: mark, text: "→"}, len(found)
		}
		if found == "&" {
			return token{kind: word, text: "and"}, 1
		}
		return token{kind: word, text: found}, len(found)
	}
	switch c := text[0]; {
	case c == '.':
		return token{kind: mark, text: "."}, 1
	case c == '\n':
		return token{kind: mark, text: "\n"}, 1
	case c >= 0x80:
		for i := range text[1:] {
			return token{}, i + 1
		}
		return token{}, len(text)
	}
	return token{}, 1
}

var quotes = map[string]string{"`": "`", `"`: `"`, "'": "'", "“": "”", "‘": "’", "«": "»"}

// quotation reads what stands between quotes, and finds out what it is.
func quotation(text string, inside bool) (token, int) {
	for open, shut := range quotes {
		rest, ok := strings.CutPrefix(text, open)
		if !ok || inside && open == "'" {
			continue
		}
		end := strings.Index(rest, shut)
		if end <= 0 {
			return token{}, 0
		}
		held := strings.TrimSpace(rest[:end])
		n := len(open) + end + len(shut)
		for _, each := range literals[:4] {
			if each.form().FindString(held) == held && held != "" {
				return token{kind: pathKind(each.kind, held), text: held}, n
			}
		}
		switch {
		case statement().MatchString(held):
			return token{kind: sql, text: held}, n
		case open == "`" && strings.Contains(held, " "):
			return token{kind: command, text: held}, n
		}
		return token{kind: quoted, text: held}, n
	}
	return token{}, 0
}

func pathKind(kind, text string) string {
	if kind != path {
		return kind
	}
	ending := text[strings.LastIndexByte(text, '.')+1:]
	if _, ok := words().Interpreters[ending]; ok {
		return script
	}
	return path
}

// unquotedSQL gives the length of the statement that begins here.
func unquotedSQL(text string) int {
	found := statement().FindString(text)
	if found == "" || prose().MatchString(found) {
		return 0
	}
	n := len(found)
	if goesOn().MatchString(text[n:]) {
		rest := tail().FindString(text[n:])
		stop := behind().FindStringIndex(rest)
		if stop != nil {
			rest = rest[:stop[0]]
		}
		n += len(rest)
	}
	return n
}

// phrase finds the longest of the phrases that the words at i begin with, and
// gives how many tokens it has.
func phrase(list []token, i int, phrases []string) int {
	best := 0
	if i >= len(list) || list[i].kind != word {
		return 0
	}
	for _, each := range phrases {
		if !strings.HasPrefix(each, list[i].low) {
			continue
		}
		fields := strings.Fields(each)
		if len(fields) <= best || i+len(fields) > len(list) {
			continue
		}
		same := true
		for k, field := range fields {
			same = same && list[i+k].kind == word && list[i+k].low == field
		}
		if same {
			best = len(fields)
		}
	}
	return best
}

// find gives the place of the first of the phrases in the words, -1 without.
func find(list []token, phrases []string) (at, length int) {
	for i := range list {
		if n := phrase(list, i, phrases); n > 0 {
			return i, n
		}
	}
	return -1, 0
}

func has(list []token, phrases []string) bool {
	at, _ := find(list, phrases)
	return at >= 0
}

// content is the text of the tokens, as a person would write them.
func content(list []token) string {
	var b strings.Builder
	for i, t := range list {
		if i > 0 && (t.kind != mark || t.text == "(") && list[i-1].text != "(" {
			b.WriteByte(' ')
		}
		b.WriteString(strings.ReplaceAll(t.text, "\n", " "))
	}
	return strings.TrimSpace(b.String())
}

// literalsOf are the literals of a kind.
func literalsOf(list []token, kinds ...string) []string {
	var found []string
	for _, t := range list {
		if slices.Contains(kinds, t.kind) {
			found = append(found, t.text)
		}
	}
	return found
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return cmp.Or(list[0], "")
}
