package planner

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/chainwright/chainwright/executors/shorten"
)

const (
	longestSlug  = 48 // of a tree's name
	longestTitle = 60 // of a task's name
)

var (
	notID = regexp.MustCompile(`[^a-z0-9]+`)
	// unsaid is what a name does without: how an address begins, and marks
	// inside of words.
	unsaid = regexp.MustCompile(`\b[a-z]+://|['’]`)
)

// leads are words that lead on to what was cut off.
var leads = strings.Fields("a an the and or in on at to from of by with for if then when is are that")

// Slug makes a tree's name of the first words of a requirement.
func Slug(requirement string) string {
	plain := unsaid.ReplaceAllString(strings.ToLower(shorten.First(requirement, 1000)), "")
	name := strings.Trim(notID.ReplaceAllString(plain, "-"), "-")
	if len(name) > longestSlug {
		cut := name[:longestSlug]
		if end := strings.LastIndexByte(name[:longestSlug+1], '-'); end > 10 {
			cut = name[:end]
		}
		fields := strings.Split(cut, "-")
		for len(fields) > 1 && slices.Contains(leads, fields[len(fields)-1]) {
			fields = fields[:len(fields)-1]
		}
		name = strings.Join(fields, "-")
	}
	return cmp.Or(name, "plan")
}

// title makes a task's name of the words of its clause.
func title(text string) string {
	runes := []rune(shorten.Line(text, longestTitle))
	if len(runes) > 0 {
		runes[0] = unicode.ToUpper(runes[0])
	}
	return string(runes)
}
