package command

import (
	"fmt"
	"strings"
)

// split splits a command line by the quoting rules that shells share: spaces
// separate words; 'single quotes' keep their content unchanged; "double
// quotes" keep everything but a backslash before ", \, $ and `; outside of
// quotes a backslash keeps the next character. Nothing is expanded.
//
// A word that a shell reads as an operator is an error, because its effect
// would be missing.
func split(line string, backslash bool) ([]string, error) {
	s := splitter{line: line, backslash: backslash}
	for s.at < len(s.line) {
		if err := s.next(); err != nil {
			return nil, err
		}
	}
	if err := s.endWord(); err != nil {
		return nil, err
	}
	if len(s.words) == 0 {
		return nil, fmt.Errorf("the command is empty")
	}
	return s.words, nil
}

type splitter struct {
	line string
	at   int
	// backslash is whether a backslash escapes. On Windows it separates the
	// names in a path.
	backslash bool

	words  []string
	word   strings.Builder
	inWord bool
	quoted bool // some of the word was in quotes
}

func (s *splitter) next() error {
	c := s.line[s.at]
	s.at++
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		return s.endWord()
	case c == '\'':
		end := strings.IndexByte(s.line[s.at:], '\'')
		if end < 0 {
			return fmt.Errorf("the single quote at character %d is not closed", s.at)
		}
		s.add(s.line[s.at : s.at+end])
		s.quoted = true
		s.at += end + 1
	case c == '"':
		return s.doubleQuoted()
	case c == '\\' && s.backslash:
		if s.at == len(s.line) {
			return fmt.Errorf("the command ends with a backslash")
		}
		if s.line[s.at] != '\n' { // a backslash at the end continues the line
			s.add(s.line[s.at : s.at+1])
			s.quoted = true
		}
		s.at++
	default:
		s.add(string([]byte{c}))
	}
	return nil
}

func (s *splitter) doubleQuoted() error {
	open := s.at
	s.add("")
	s.quoted = true
	for s.at < len(s.line) {
		c := s.line[s.at]
		s.at++
		if c == '"' {
			return nil
		}
		if c == '\\' && s.at < len(s.line) && strings.IndexByte("\"\\$`\n", s.line[s.at]) >= 0 && (s.backslash || s.line[s.at] == '"') {
			c = s.line[s.at]
			s.at++
			if c == '\n' {
				continue
			}
		}
		s.word.WriteByte(c)
	}
	return fmt.Errorf("the double quote at character %d is not closed", open)
}

func (s *splitter) add(text string) {
	s.inWord = true
	s.word.WriteString(text)
}

func (s *splitter) endWord() error {
	if !s.inWord {
		return nil
	}
	word := s.word.String()
	if !s.quoted && isOperator(word) {
		return fmt.Errorf("%q has no meaning here because there is no shell; put it in quotes if it is an argument", word)
	}
	s.words = append(s.words, word)
	s.word.Reset()
	s.inWord, s.quoted = false, false
	return nil
}

// isOperator reports whether a shell reads a word as an operator.
func isOperator(word string) bool {
	switch word {
	case "|", "||", "|&", "&", "&&", ";", ";;", "<", "<<", "<<<", ">", ">>", ">|", "&>", "&>>", "1>", "2>", "1>>", "2>>", "2>&1", "1>&2", ">&2":
		return true
	}
	return false
}
