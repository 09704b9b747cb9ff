package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/chainwright/chainwright/executors/shorten"
)

func init() {
	cobra.EnableCommandSorting = false // the order of declaration is the order in which people need them
	cobra.MousetrapHelpText = ""       // a shortcut on Windows may start the server
}

// action is what a command does. An action with arguments or flags declares them
// in a method takes.
type action interface{ Run(*session) error }

type taker interface{ takes() []*param }

// grammar holds the arguments and flags of a command.
type grammar struct{ args, flags []*param }

// command declares a command and its subcommands. A command without an action
// only groups subcommands.
func (s *session) command(name, about string, does action, below ...*cobra.Command) *cobra.Command {
	var g grammar
	cmd := &cobra.Command{Use: name, Short: about, Args: g.accept, DisableFlagsInUseLine: true, SuggestionsMinimumDistance: 2}
	cmd.AddCommand(below...)
	cmd.SetHelpFunc(g.help)
	cmd.ValidArgsFunction = g.offer(s)
	cmd.RunE = func(*cobra.Command, []string) error { return does.Run(s) }
	if does == nil {
		cmd.Use += " <command>"
		cmd.RunE = func(*cobra.Command, []string) error {
			return misuse(cmd, "expected one of %s", quoted(names(below)))
		}
	}
	if does, ok := does.(taker); ok {
		g.declare(s, cmd, does.takes())
	}
	cmd.Use += " [flags]"
	return cmd
}

// declare sorts the parameters of a command into arguments and flags.
func (g *grammar) declare(s *session, cmd *cobra.Command, params []*param) {
	for _, p := range params {
		if p.positional {
			g.args = append(g.args, p)
			cmd.Use += " " + p.placeholder()
			continue
		}
		g.flags = append(g.flags, p)
		p.addTo(s, cmd, cmd.Flags())
		if p.needed {
			cmd.Use += " " + p.long()
		}
	}
}

// accept sets the arguments of a command, and returns an error if one is missing
// or too many.
func (g *grammar) accept(cmd *cobra.Command, given []string) error {
	for i, p := range g.args {
		switch {
		case i < len(given) && p.many():
			for ; i < len(given); i++ {
				_ = p.Set(given[i]) // takes any text
			}
			given = nil
		case i < len(given):
			if err := p.Set(given[i]); err != nil {
				return misuse(cmd, "%s %w", p.placeholder(), err)
			}
		case p.needed:
			return misuse(cmd, "expected %q", p.placeholder())
		}
	}
	if len(given) > len(g.args) {
		return g.surplus(cmd, given[len(g.args)])
	}
	var missing []string
	for _, p := range g.flags {
		if p.needed && !cmd.Flags().Changed(p.name) {
			missing = append(missing, p.long())
		}
	}
	if len(missing) > 0 {
		return misuse(cmd, "missing flags: %s", listed(missing))
	}
	return nil
}

// surplus returns the error for an argument too many, with a suggestion.
func (g *grammar) surplus(cmd *cobra.Command, extra string) error {
	switch {
	case cmd.HasSubCommands() && len(g.args) == 0:
		similar := cmd.SuggestionsFor(extra)
		e := misuse(cmd, "there is no command %s%s", shorten.Line(extra, 40), meant(similar))
		if cmd.HasParent() && len(similar) == 0 {
			e = e.withHint("use " + strings.Join(paths(leaves(cmd)), " or "))
		}
		return e
	case strings.HasPrefix(extra, "{") && cmd.Flags().Lookup("inputs") != nil:
		return misuse(cmd, "unexpected argument %s", shorten.Line(extra, 40)).withHint("use --inputs '{…}' for inputs")
	}
	return misuse(cmd, "unexpected argument %s", extra)
}

// leaves returns the commands that have an action, in the order of declaration.
func leaves(cmd *cobra.Command) []*cobra.Command {
	var list []*cobra.Command
	for _, each := range cmd.Commands() {
		switch {
		case each.Hidden:
		case each.HasSubCommands():
			list = append(list, leaves(each)...)
		default:
			list = append(list, each)
		}
	}
	return list
}

// words returns the words of a command after the program's name: executors new.
func words(cmd *cobra.Command) []string { return strings.Fields(cmd.CommandPath())[1:] }

// paths returns the commands as a user types them.
func paths(cmds []*cobra.Command) []string {
	var list []string
	for _, cmd := range cmds {
		list = append(list, cmd.CommandPath())
	}
	return list
}

func names(cmds []*cobra.Command) []string {
	var list []string
	for _, cmd := range cmds {
		list = append(list, cmd.Name())
	}
	return list
}
