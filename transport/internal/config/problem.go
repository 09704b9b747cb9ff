package config

import "strings"

// Problem is one problem with the configuration.
type Problem struct {
	// Where is a file and line, a variable or a flag.
	Where   string
	Message string
}

// Problems are all problems, in the order in which they were found. It is an
// error.
type Problems []Problem

// Error returns the problems, one on each line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Where + ": " + one.Message
	}
	return strings.Join(lines, "\n")
}
