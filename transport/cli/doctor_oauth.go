package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// oauthState is what is accepted of OAuth servers, and what they answered.
type oauthState struct {
	Accepts string        `json:"accepts,omitempty"` // in words; empty: the settings are wrong
	Issuers []issuerState `json:"issuers,omitempty"`
}

type issuerState struct {
	Issuer string `json:"issuer"`
	Keys   int    `json:"keys"`
}

// checkOAuth asks each issuer for its keys.
func (p *program) checkOAuth(ctx context.Context) func(*checkup) {
	if !p.config.OAuth.IsSet() {
		return func(*checkup) {}
	}
	parts := p.app.Parts()
	v, err := parts.Verifier()
	if err != nil {
		return func(f *checkup) {
			for line := range strings.SplitSeq(err.Error(), "\n") {
				f.add("oauth", line)
			}
		}
	}
	defer v.Close()
	state := &oauthState{Accepts: v.Describe()}
	var found checkup
	for _, each := range v.Check(ctx) {
		state.Issuers = append(state.Issuers, issuerState{each.Issuer, each.Keys})
		if each.Err != nil {
			found.add("oauth", "oauth.issuers: tokens of "+each.Issuer+" can't be verified: "+each.Err.Error())
		}
	}
	return func(f *checkup) {
		f.OAuth = state
		f.Problems = append(f.Problems, found.Problems...)
	}
}

func (o *oauthState) write(out io.Writer) {
	fmt.Fprintf(out, "\noauth: %s\n", o.Accepts)
	for _, each := range o.Issuers {
		fmt.Fprintf(out, "  %s: %s\n", each.Issuer, plural(each.Keys, "key"))
	}
}
