package ssh

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

// quote quotes a text as one word of a POSIX shell.
func quote(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// quoteAll quotes words and joins them to one line.
func quoteAll(words ...string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = quote(word)
	}
	return strings.Join(quoted, " ")
}

// commandLine returns the line for the remote shell; "": no command.
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
			return "", invalid("command", "must name a program")
		}
		line = quoteAll(words...)
	}
	if strings.ContainsRune(line, 0) {
		return "", invalid("command", "contains a NUL byte")
	}
	if strings.TrimSpace(line) == "" {
		return "", invalid("command", "is empty")
	}
	return line, nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// exports returns shell lines that set the variables. They are sent as input:
// all users of the host can see a command line.
func exports(env map[string]string) (string, error) {
	var lines strings.Builder
	for name, value := range env {
		if !variableName.MatchString(name) {
			return "", invalid("env", "%q is not a valid variable name", name)
		}
		if strings.ContainsRune(value, 0) {
			return "", invalid("env."+name, "contains a NUL byte")
		}
		fmt.Fprintf(&lines, "export %s=%s\n", name, quote(value))
	}
	return lines.String(), nil
}

func invalid(field, format string, args ...any) *executors.Error {
	return executors.Errorf(executors.ValidationError, field+" "+format, args...).WithField(field)
}
