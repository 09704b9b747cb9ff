package world

import (
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

// Wanted are the effects that a requirement asks for. What is not listed must
// not happen.
type Wanted struct {
	Files    map[string]Match `yaml:"files"`
	Requests []WantedRequest  `yaml:"requests"`
	Mails    []WantedMail     `yaml:"mails"`
	// Added and Removed are rows by table, in any order. A row that is changed is
	// in both.
	Added   map[string][][]any `yaml:"added"`
	Removed map[string][][]any `yaml:"removed"`
	Prompts []Match            `yaml:"prompts"`
	// Fails: the run must fail nevertheless.
	Fails bool `yaml:"fails"`
}

// WantedRequest is a request, such as POST /hook, with its body.
type WantedRequest struct {
	Send string `yaml:"send"`
	Body Match  `yaml:"body"`
}

// WantedMail is a mail. To has the addresses, with a comma and a space between
// them.
type WantedMail struct {
	To      string `yaml:"to"`
	Subject Match  `yaml:"subject"`
	Body    Match  `yaml:"body"`
}

// Verdict is what is wrong with effects.
type Verdict struct {
	// Wrong is what happened and was not asked for: it does harm.
	Wrong []string
	// Missing is what was asked for and did not happen.
	Missing []string
}

// Right reports whether the effects are exactly those that were asked for.
func (v Verdict) Right() bool { return len(v.Wrong) == 0 && len(v.Missing) == 0 }

// String lists what is wrong.
func (v Verdict) String() string {
	if v.Right() {
		return "right"
	}
	var list []string
	for _, each := range v.Wrong {
		list = append(list, "not asked for: "+each)
	}
	for _, each := range v.Missing {
		list = append(list, "did not happen: "+each)
	}
	return strings.Join(list, "\n")
}

// Judge compares what was asked for with what happened. Every effect must happen
// as often as it is listed.
func Judge(want Wanted, got Effects) Verdict {
	var v Verdict
	v.files(want.Files, got)
	compare(&v, want.Requests, got.Requests, func(w WantedRequest, g Request) bool {
		return w.Send == g.Method+" "+g.Path && w.Body.fits(g.Body)
	})
	compare(&v, want.Mails, got.Mails, func(w WantedMail, g Mail) bool {
		return w.To == g.To && w.Subject.fits(g.Subject) && w.Body.fits(g.Body)
	})
	compare(&v, want.Prompts, got.Prompts, func(w Match, g string) bool { return w.fits(g) })
	v.rows("row added to", want.Added, got.Added)
	v.rows("row removed from", want.Removed, got.Removed)
	if want.Fails != got.Failed {
		v.Missing = append(v.Missing, fmt.Sprintf("a run that fails: %t", want.Fails))
	}
	return v
}

func (v *Verdict) files(want map[string]Match, got Effects) {
	for name, text := range got.Files {
		match, ok := want[name]
		if !ok || !match.fits(text) {
			v.Wrong = append(v.Wrong, fmt.Sprintf("the file %s: %q", name, shorten.Line(text, 1000)))
		}
		if ok && !match.fits(text) {
			v.Missing = append(v.Missing, fmt.Sprintf("the file %s: %s", name, show(match)))
		}
	}
	for name, match := range want {
		if _, ok := got.Files[name]; !ok {
			v.Missing = append(v.Missing, fmt.Sprintf("the file %s: %s", name, show(match)))
		}
	}
	for _, name := range got.Gone {
		v.Wrong = append(v.Wrong, "the end of the file "+name)
	}
}

func (v *Verdict) rows(what string, want map[string][][]any, got map[string][]string) {
	tables := map[string]bool{}
	for table := range want {
		tables[table] = true
	}
	for table := range got {
		tables[table] = true
	}
	for table := range tables {
		var one Verdict
		compare(&one, want[table], got[table], func(w []any, g string) bool {
			return same(mustDecode(string(plainjson.Must(w))), mustDecode(g))
		})
		for _, each := range one.Wrong {
			v.Wrong = append(v.Wrong, what+" "+table+": "+each)
		}
		for _, each := range one.Missing {
			v.Missing = append(v.Missing, what+" "+table+": "+each)
		}
	}
}

// compare pairs each effect that was wanted with one that happened. What is left
// over of one is wrong, and of the other missing.
func compare[W, G any](v *Verdict, want []W, got []G, fits func(W, G) bool) {
	partner := make([]int, len(got)) // the index of what was wanted, plus one
	var find func(w int, tried []bool) bool
	find = func(w int, tried []bool) bool {
		for g := range got {
			if tried[g] || !fits(want[w], got[g]) {
				continue
			}
			tried[g] = true
			if partner[g] == 0 || find(partner[g]-1, tried) {
				partner[g] = w + 1
				return true
			}
		}
		return false
	}
	for w := range want {
		if !find(w, make([]bool, len(got))) {
			v.Missing = append(v.Missing, show(want[w]))
		}
	}
	for g := range got {
		if partner[g] == 0 {
			v.Wrong = append(v.Wrong, show(got[g]))
		}
	}
}

func show(v any) string {
	raw, err := plainjson.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%+v", v)
	}
	return shorten.Line(string(raw), 1000)
}
