package cli

import (
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/transport/internal/config"
)

// offer returns completions for an argument or a flag: words, each with its
// description after a tab, or files.
type offer func(*session) ([]cobra.Completion, cobra.ShellCompDirective)

// of returns the offer as a function for cobra.
func (o offer) of(s *session) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		list, how := o(s)
		return slices.DeleteFunc(list, func(word string) bool { return !strings.HasPrefix(word, begun) }), how
	}
}

// offer completes the arguments of a command by position.
func (g *grammar) offer(s *session) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		at := len(given)
		if last := len(g.args) - 1; at > last && last >= 0 && g.args[last].many() {
			at = last
		}
		if at >= len(g.args) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return g.args[at].offer.of(s)(cmd, given, begun)
	}
}

func nothing(*session) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}

func files(*session) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

func folders(*session) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func these(words ...string) offer {
	return func(*session) ([]cobra.Completion, cobra.ShellCompDirective) {
		return slices.Clone(words), cobra.ShellCompDirectiveNoFileComp
	}
}

// known offers what an opened program lists. If the program can't be opened, it
// offers nothing; the command itself prints why.
func known(list func(*session, *program) []cobra.Completion, change ...func(*config.Loaded)) offer {
	return func(s *session) ([]cobra.Completion, cobra.ShellCompDirective) {
		quiet := *s
		quiet.err = io.Discard // the shell is about to show the command line
		p, err := quiet.open(append(change, unaudited)...)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found := list(s, p)
		_ = p.close(afterwards(s.ctx)) // nothing was changed
		return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

var executorIDs = known(func(_ *session, p *program) []cobra.Completion {
	var list []cobra.Completion
	for _, each := range p.registry.All() {
		list = append(list, cobra.CompletionWithDesc(each.Definition().ID, each.Definition().Title))
	}
	return list
})

var toolNames = known(func(_ *session, p *program) []cobra.Completion {
	var list []cobra.Completion
	for _, tool := range p.tools.Tools() {
		list = append(list, cobra.CompletionWithDesc(tool.Name, tool.Title))
	}
	return list
})

// runIDs offers the latest runs.
var runIDs = known(func(s *session, p *program) []cobra.Completion {
	var list []cobra.Completion
	runs, _, err := p.runner.List(s.ctx, chain.ListOptions{Limit: 50})
	if err != nil {
		return nil
	}
	for _, run := range runs {
		list = append(list, cobra.CompletionWithDesc(run.RunID, strings.TrimSpace(string(run.Status)+" "+run.Name)))
	}
	return list
}, unextended)
