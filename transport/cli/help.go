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

// helpTexts hold what the help of each command says beyond its flags: what it
// is for, and examples.
//
//go:embed help/*.txt
var helpTexts embed.FS

// mustHelp returns a help text; a missing one is a mistake in the build.
func mustHelp(name string) string {
	text, err := helpTexts.ReadFile("help/" + name + ".txt")
	if err != nil {
		panic(fmt.Errorf("reading the help of %s: %w", name, err))
	}
	return strings.TrimSpace(string(text))
}

// pageWidth bounds the lines of the help, which are hard to read when they are
// long.
const pageWidth = 100

// page is the help of a command, as it is written.
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

// helpCommand is for those who ask for help this way: chainwright help run.
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

// text writes paragraphs; what is indented stays as it is.
func (p page) text(text string) {
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if !strings.HasPrefix(paragraph, " ") {
			paragraph = wrap(paragraph, p.columns)
		}
		fmt.Fprintf(p.out, "\n%s\n", paragraph)
	}
}

// entry is a line of a list in the help.
type entry struct{ syntax, about string }

// list writes what there is below a title. What is too long for the left
// column stands on a line of its own.
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

// long is a flag as it is written with its name.
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

// syntax is a flag with its letter; one without a letter is indented.
func (p *param) syntax(indent string) string {
	if p.letter != "" {
		indent = "-" + p.letter + ", "
	}
	return indent + p.long()
}

// explained is what the help says of an argument or a flag.
func (p *param) explained() string {
	if p.initial == "" {
		return p.about
	}
	return strings.TrimSuffix(p.about, ".") + "; " + p.initial + " without it."
}
