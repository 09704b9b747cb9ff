package cli

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// param is an argument or a flag of a command, and the field that it sets.
type param struct {
	name, letter string
	shown        string // the placeholder of the value in the help; "" for a switch
	about        string
	into         any // *settable
	initial      string
	choices      []string
	positional   bool
	needed       bool
	offer        offer
}

// settable is the type of a field that a param can set. A pointer stays nil if
// the param is not given.
type settable interface {
	string | []string | repeated | bool | int | float64 | *int | *float64
}

// repeated are the values of a flag or an argument that may be repeated. Unlike those
// of []string, they are not split at commas.
type repeated []string

// arg declares an argument. It is required unless optional is called.
func arg(name string, into *string, about string) *param {
	return &param{name: name, into: into, about: about, positional: true, needed: true, offer: nothing}
}

// args declares an argument that may be repeated.
func args(name string, into *repeated, about string) *param {
	return &param{name: name, into: into, about: about, positional: true, needed: true, offer: nothing}
}

// alwaysJSON declares the flag --json of a command that prints JSON without it.
func alwaysJSON(into *bool) *param {
	return flag("json", into, "", "Print errors as JSON too. The result is JSON in any case.")
}

// errorsAsJSON declares the flag --json of a command whose output is a text with a
// format of its own.
func errorsAsJSON(into *bool) *param {
	return flag("json", into, "", "Print errors as JSON too. The output stays as it is.")
}

// startAsJSON declares the flag --json of a command that serves.
func startAsJSON(into *bool) *param {
	return flag("json", into, "", "Print a line of JSON when it serves, or the error as JSON.")
}

// flag declares a flag. It is optional unless required is called.
func flag[T settable](name string, into *T, shown, about string) *param {
	p := &param{name: name, into: into, shown: shown, about: about, offer: nothing}
	switch {
	case strings.Contains(shown, "FILE"):
		p.offer = files
	case shown == "FOLDER":
		p.offer = folders
	}
	return p
}

func (p *param) optional() *param            { p.needed = false; return p }
func (p *param) required() *param            { p.needed = true; return p }
func (p *param) short(letter string) *param  { p.letter = letter; return p }
func (p *param) offering(what offer) *param  { p.offer = what; return p }
func (p *param) oneOf(list ...string) *param { p.choices, p.offer = list, these(list...); return p }

// initially sets the default value.
func (p *param) initially(text string) *param {
	p.initial = text
	if err := p.Set(text); err != nil {
		panic(fmt.Errorf("the initial value of %s: %w", p.name, err))
	}
	return p
}

// addTo declares a flag.
func (p *param) addTo(s *session, cmd *cobra.Command, flags *pflag.FlagSet) {
	added := flags.VarPF(p, p.name, p.letter, p.about)
	if p.shown == "" {
		added.NoOptDefVal = "true"
	}
	_ = cmd.RegisterFlagCompletionFunc(p.name, p.offer.of(s)) // fails only for an unknown flag
}

// placeholder returns an argument as the help shows it.
func (p *param) placeholder() string {
	shown := "<" + p.name + ">"
	if p.many() {
		shown = fmt.Sprintf("<%s>...", p.name)
	}
	if p.needed {
		return shown
	}
	return "[" + shown + "]"
}

// many reports whether an argument takes all that follow.
func (p *param) many() bool {
	_, list := p.into.(*repeated)
	return list && p.positional
}

// Set implements pflag.Value.
func (p *param) Set(text string) error {
	if len(p.choices) > 0 && !slices.Contains(p.choices, text) && (text != "" || p.needed || p.initial != "") {
		return fmt.Errorf("must be one of %s; got %q", listed(p.choices), text)
	}
	switch into := p.into.(type) {
	case *string:
		*into = text
	case *[]string:
		*into = append(*into, splitList(text)...)
	case *repeated:
		*into = append(*into, text)
	case *bool:
		return parseInto(text, into, strconv.ParseBool, "true or false")
	case *int:
		return parseInto(text, into, strconv.Atoi, "a whole number")
	case **int:
		*into = new(int)
		return parseInto(text, *into, strconv.Atoi, "a whole number")
	case *float64:
		return parseInto(text, into, finite, "a number")
	case **float64:
		*into = new(float64)
		return parseInto(text, *into, finite, "a number")
	}
	return nil
}

// String implements pflag.Value: it returns the default value.
func (p *param) String() string { return p.initial }

// Type implements pflag.Value.
func (p *param) Type() string { return p.shown }

func parseInto[T any](text string, into *T, read func(string) (T, error), kind string) error {
	value, err := read(text)
	if err != nil {
		return fmt.Errorf("must be %s; got %q", kind, text)
	}
	*into = value
	return nil
}

func finite(text string) (float64, error) {
	value, err := strconv.ParseFloat(text, 64)
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return 0, errors.New("not finite")
	}
	return value, err
}

// splitList splits a list at commas. Write \, for a comma in an entry.
func splitList(text string) []string {
	const comma = "\x00"
	list := strings.Split(strings.ReplaceAll(text, `\,`, comma), ",")
	for i := range list {
		list[i] = strings.ReplaceAll(list[i], comma, ",")
	}
	return list
}
