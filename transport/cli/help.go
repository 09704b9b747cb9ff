package cli

import (
	"cmp"
	"embed"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpTexts hold the description and the examples of each command. The flags are
// added to them.
//
//go:embed help/*.txt
var helpTexts embed.FS

// mustHelp returns a help text. It panics if the text is missing.
func mustHelp(name string) string {
	text, err := helpTexts.ReadFile("help/" + name + ".txt")
	if err != nil {
		panic(fmt.Errorf("reading the help of %s: %w", name, err))
	}
	return strings.TrimSpace(string(text))
}

// pageWidth bounds the length of the lines of the help.
const pageWidth = 100

// page writes the help of a command.
type page struct {
	out     io.Writer
	columns int
}

// help writes the help of a command.
func (g *grammar) help(cmd *cobra.Command, _ []string) {
	out := cmd.OutOrStdout()
	sheet := page{out: out, columns: min(cmp.Or(width(out), 80), pageWidth)}
	fmt.Fprintf(out, "Usage: %s\n", cmd.UseLine())
	if cmd.HasParent() {
		sheet.text(cmd.Short)
		sheet.text(mustHelp(strings.Join(words(cmd), "-")))
	} else {
		sheet.text(mustHelp(cmd.Name()))
	}
	var args, everywhere, below []entry
	for _, p := range g.args {
		args = append(args, entry{p.placeholder(), p.explained()})
	}
	flags := []entry{{"-h, --help", "Show this help."}}
	if !cmd.HasParent() {
		flags = append(flags, entry{"    --version", "Print the version."})
	}
	for _, p := range g.flags {
		flags = append(flags, entry{p.syntax("    "), p.explained()})
	}
	cmd.Root().PersistentFlags().VisitAll(func(flag *pflag.Flag) {
		if p, own := flag.Value.(*param); own {
			everywhere = append(everywhere, entry{p.syntax(""), p.explained()})
		}
	})
	for _, each := range leaves(cmd) {
		below = append(below, entry{strings.Join(words(each), " "), each.Short})
	}
	sheet.list("Arguments:", args)
	sheet.list("Flags:", flags)
	sheet.list("Flags of every command:", everywhere)
	sheet.list("Commands:", below)
	if !cmd.HasParent() {
		fmt.Fprintf(out, "\nRun \"chainwright <command> --help\" for more information on a command.\n")
	}
}

// helpCommand declares chainwright help COMMAND.
func helpCommand(root *cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: "help <command>", Short: "Show the help of a command.", Hidden: true, Args: cobra.ArbitraryArgs}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		found, rest, err := root.Find(args)
		if err != nil || len(rest) > 0 {
			return misuse(root, "there is no command %s%s", strings.Join(args, " "), meant(found.SuggestionsFor(args[len(args)-1])))
		}
		return found.Help()
	}
	return cmd
}

// text writes wrapped paragraphs. Indented lines stay as they are.
func (p page) text(text string) {
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if !strings.HasPrefix(paragraph, " ") {
			paragraph = wrap(paragraph, p.columns)
		}
		fmt.Fprintf(p.out, "\n%s\n", paragraph)
	}
}

// entry is one line of a list in the help.
type entry struct{ syntax, about string }

// list writes a title and its entries. An entry that is too long for the left
// column is on its own line.
func (p page) list(title string, entries []entry) {
	if len(entries) == 0 {
		return
	}
	const indent, gap, widest = "  ", 4, 26
	left := 0
	for _, each := range entries {
		if n := utf8.RuneCountInString(each.syntax); n <= widest {
			left = max(left, n)
		}
	}
	fmt.Fprintf(p.out, "\n%s\n", title)
	column := len(indent) + left + gap
	for _, each := range entries {
		syntax := each.syntax
		if utf8.RuneCountInString(syntax) > left {
			fmt.Fprintf(p.out, "%s%s\n", indent, syntax)
			syntax = ""
		}
		fmt.Fprintf(p.out, "%s%-*s%s\n", indent, left+gap, syntax, hang(each.about, column, p.columns))
	}
}

// long returns a flag with its name and value: --limit=N.
func (p *param) long() string {
	text := "--" + p.name
	if p.shown != "" {
		text += "=" + p.shown
	}
	if _, many := p.into.(*[]string); many {
		text += ",..."
	}
	return text
}

// syntax returns a flag with its letter. A flag without a letter is indented.
func (p *param) syntax(indent string) string {
	if p.letter != "" {
		indent = "-" + p.letter + ", "
	}
	return indent + p.long()
}

// explained returns the description of an argument or a flag.
func (p *param) explained() string {
	if p.initial == "" {
		return p.about
	}
	return strings.TrimSuffix(p.about, ".") + "; " + p.initial + " without it."
}
