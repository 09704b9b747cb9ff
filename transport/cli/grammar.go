package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

func init() {
	cobra.EnableCommandSorting = false // they stand in the order in which people meet them
	cobra.MousetrapHelpText = ""       // a shortcut on Windows may start the server
}

// action is what a command does. One that takes arguments or flags declares
// them with takes.
type action interface{ Run(*session) error }

type taker interface{ takes() []*param }

// grammar is what a command takes.
type grammar struct{ args, flags []*param }

// command declares a command, and those below it. One without an action only
// holds those.
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

// declare sorts what a command takes into arguments and flags.
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

// accept takes the arguments that were given, and sees that nothing is
// missing.
func (g *grammar) accept(cmd *cobra.Command, given []string) error {
	for i, p := range g.args {
		switch {
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

// surplus says what may have been meant by an argument too many.
func (g *grammar) surplus(cmd *cobra.Command, extra string) error {
	switch {
	case cmd.HasSubCommands() && len(g.args) == 0:
		return misuse(cmd, "there is no command %s%s", extra, meant(cmd.SuggestionsFor(extra)))
	case strings.HasPrefix(extra, "{") && cmd.Flags().Lookup("inputs") != nil:
		return misuse(cmd, "unexpected argument %s", clip(extra, 40)).withHint("inputs are given with --inputs '{…}'")
	}
	return misuse(cmd, "unexpected argument %s", extra)
}

// leaves are the commands that do something, in their order.
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

// words are a command as it is typed after the program's name: executors new.
func words(cmd *cobra.Command) []string { return strings.Fields(cmd.CommandPath())[1:] }

func names(cmds []*cobra.Command) []string {
	var list []string
	for _, cmd := range cmds {
		list = append(list, cmd.Name())
	}
	return list
}
