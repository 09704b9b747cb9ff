package ssh

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

// quote makes a text one word of a shell, whatever is in it.
func quote(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// quoteAll makes a list of words one line.
func quoteAll(words ...string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = quote(word)
	}
	return strings.Join(quoted, " ")
}

// commandLine is what the remote shell is given for the command input.
func commandLine(command any) (string, error) {
	var line string
	switch command := command.(type) {
	case nil:
		return "", nil
	case string:
		line = command
	case []any:
		words := make([]string, len(command))
		for i, each := range command {
			word, ok := each.(string)
			if !ok {
				return "", invalid("command", "[%d] must be a string; got %v", i, each)
			}
			words[i] = word
		}
		if len(words) == 0 || words[0] == "" {
			return "", invalid("command", "names no program")
		}
		line = quoteAll(words...)
	}
	if strings.ContainsRune(line, 0) {
		return "", invalid("command", "holds a NUL byte")
	}
	if strings.TrimSpace(line) == "" {
		return "", invalid("command", "is empty")
	}
	return line, nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// exports are the lines that set variables. They go there as input and not in
// the command line, which every user of the host can see.
func exports(env map[string]string) (string, error) {
	var lines strings.Builder
	for name, value := range env {
		if !variableName.MatchString(name) {
			return "", invalid("env", "%q is no name of a variable", name)
		}
		if strings.ContainsRune(value, 0) {
			return "", invalid("env."+name, "holds a NUL byte")
		}
		fmt.Fprintf(&lines, "export %s=%s\n", name, quote(value))
	}
	return lines.String(), nil
}

func invalid(field, format string, args ...any) *executors.Error {
	return executors.Errorf(executors.ValidationError, field+" "+format, args...).WithField(field)
}
