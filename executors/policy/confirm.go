package policy

import (
	"cmp"
	"slices"
	"strings"
)

// The values of policy.confirm.
const (
	// ConfirmNever asks nobody.
	ConfirmNever = "never"
	// ConfirmDestructive asks the person behind the caller before each call
	// that may destroy something. Where nobody can be asked, nothing is done.
	ConfirmDestructive = "destructive"
	// ConfirmWherePossible asks likewise, and goes on with a warning where
	// nobody can be asked.
	ConfirmWherePossible = "where_possible"
)

var confirmValues = []string{ConfirmNever, ConfirmDestructive, ConfirmWherePossible}

func (p *Policy) checkConfirm(bad *problems) {
	if !slices.Contains(confirmValues, p.Confirm()) {
		bad.add("confirm", "must be one of %s; got %q", strings.Join(confirmValues, ", "), p.config.Confirm)
	}
}

// Confirm says when a person is asked before a call: one of the values above.
func (p *Policy) Confirm() string { return cmp.Or(p.config.Confirm, ConfirmNever) }
