package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/transport/cli/config"
)

// offer is what a shell offers to complete an argument or a flag with: words,
// each with what it means behind a tab, or files.
type offer func(*session) ([]cobra.Completion, cobra.ShellCompDirective)

// of makes cobra's function of it.
func (o offer) of(s *session) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		list, how := o(s)
		return slices.DeleteFunc(list, func(word string) bool { return !strings.HasPrefix(word, begun) }), how
	}
}

// offer completes the arguments of a command, one after the other.
func (g *grammar) offer(s *session) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(given) >= len(g.args) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return g.args[len(given)].offer.of(s)(cmd, given, begun)
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

// known offers what an opened program knows. Where it can't be opened, the
// command itself says why.
func known(list func(*session, *program) []cobra.Completion, change ...func(*config.Loaded)) offer {
	return func(s *session) ([]cobra.Completion, cobra.ShellCompDirective) {
		p, err := s.open(append(change, unaudited)...)
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

// runIDs are the latest runs.
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
