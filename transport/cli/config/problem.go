package config

import "strings"

// Problem is one thing wrong with what was set.
type Problem struct {
	// Where is a file and line, a variable, or a flag.
	Where   string
	Message string
}

// Problems are all that is wrong, in the order it was found. It is an error.
type Problems []Problem

// Error lists the problems, one a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Where + ": " + one.Message
	}
	return strings.Join(lines, "\n")
}
