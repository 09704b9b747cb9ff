package policy_test

import (
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/policy"
)

// A valid setting of confirm is used and described. The default is never, and an
// unknown value is refused.
func TestConfirm(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"": policy.ConfirmNever, "never": policy.ConfirmNever,
		"destructive": policy.ConfirmDestructive, "where_possible": policy.ConfirmWherePossible,
	} {
		p := open(t, policy.Config{Confirm: given})
		shown := ""
		for _, setting := range p.Describe() {
			if setting.Name == "policy.confirm" {
				shown = setting.Value
			}
		}
		if p.Confirm() != want || shown != want {
			t.Errorf("%q: %q, shown as %q", given, p.Confirm(), shown)
		}
	}
	for _, given := range []string{"always", "Destructive", "true", " never"} {
		if _, err := policy.New(policy.Config{Confirm: given}); err == nil || !strings.Contains(err.Error(), "policy.confirm: must be one of never, destructive, where_possible") {
			t.Errorf("%q: %v", given, err)
		}
	}
}
