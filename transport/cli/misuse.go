package cli

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/chainwright/chainwright/executors/nearest"
)

// misuse returns a usage error that points to the help of the command.
func misuse(cmd *cobra.Command, format string, args ...any) *exit {
	e := usage(format, args...)
	e.see = cmd.CommandPath()
	return e
}

// misusedFlag returns the error for a wrong flag.
func misusedFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var wrong *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return misuse(cmd, "unknown flag -%s", unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		var known []string
		cmd.Flags().VisitAll(func(flag *pflag.Flag) { known = append(known, "--"+flag.Name) })
		given := "--" + unknown.GetSpecifiedName()
		return misuse(cmd, "unknown flag %s%s", given, meant(nearest.To(given, known))).about(given)
	case errors.As(err, &bare):
		return misuse(cmd, "--%s needs a value: --%s=%s", bare.GetFlag().Name, bare.GetFlag().Name, bare.GetFlag().Value.Type()).about("--" + bare.GetFlag().Name)
	case errors.As(err, &wrong):
		return misuse(cmd, "--%s %w", wrong.GetFlag().Name, wrong.Unwrap()).about("--" + wrong.GetFlag().Name)
	}
	return misuse(cmd, "%w", err)
}

// meant returns a suggestion: did you mean …?
func meant(names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return ", did you mean " + quoted(names) + "?"
	default:
		return ", did you mean one of " + quoted(names) + "?"
	}
}

func quoted(names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = strconv.Quote(name)
	}
	return strings.Join(list, ", ")
}
