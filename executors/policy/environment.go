package policy

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// variableName matches names of variables that every system accepts.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// CheckVariables returns a *Denied if a name can't be that of a variable.
func CheckVariables(names []string) error {
	for _, name := range names {
		if !variableName.MatchString(name) {
			return &Denied{Field: "env", Message: fmt.Sprintf("%q is not a variable name", name)}
		}
	}
	return nil
}

// takes reports whether the entry names every variable, and returns the first
// that it does not. No list of harmful names would be complete: many programs
// read options or code from variables of their own.
func (prog program) takes(variables []string) (refused string, ok bool) {
	for _, name := range variables {
		if !slices.ContainsFunc(prog.env, func(own string) bool {
			return own == name || runtime.GOOS == "windows" && strings.EqualFold(own, name)
		}) {
			return name, false
		}
	}
	return "", true
}
