package policy

import (
	"cmp"
	"slices"
	"strings"
)

// The values of policy.confirm.
const (
	// ConfirmNever never asks.
	ConfirmNever = "never"
	// ConfirmDestructive asks the user before each call that may destroy
	// something. If the client can't ask, the call is refused.
	ConfirmDestructive = "destructive"
	// ConfirmWherePossible asks too, but if the client can't ask, the call goes
	// on with a warning.
	ConfirmWherePossible = "where_possible"
)

var confirmValues = []string{ConfirmNever, ConfirmDestructive, ConfirmWherePossible}

func (p *Policy) checkConfirm(bad *problems) {
	if !slices.Contains(confirmValues, p.Confirm()) {
		bad.add("confirm", "must be one of %s; got %q", strings.Join(confirmValues, ", "), p.config.Confirm)
	}
}

// Confirm returns when the user is asked before a call: one of the values above.
func (p *Policy) Confirm() string { return cmp.Or(p.config.Confirm, ConfirmNever) }
