package endtoend

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// The official client needs nothing but the address: it finds the issuer from the
// 401, registers, logs in with PKCE for this resource, calls tools, refreshes its
// token, and asks for more scopes when a call needs them.
func TestOAuthLogin(t *testing.T) {
	t.Parallel()
	node := peers.FindProgram(t, "node")
	for _, module := range []string{"oidc-provider", filepath.Join("@modelcontextprotocol", "sdk")} {
		if _, err := os.Stat(filepath.Join(node.Modules(), module)); err != nil {
			t.Skipf("%s is not installed: %v", module, err)
		}
	}
	script, err := filepath.Abs(filepath.Join("testdata", "oauth.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs := node.Run(t, script, node.Modules(), t.TempDir(), peers.Chainwright(t))
	type login struct{ Scope, Resource, PKCE string }
	var said struct {
		Address string
		First   struct {
			Logins          int
			Scope, Aud, Sub string
			Typ             string
			Registered      bool
		}
		Tools     int
		Run       string
		Refreshed struct {
			Tools int
			Other bool
			Scope string
		}
		StepUp struct {
			Result, Scope string
			Logins        int
		}
		After, Ann, Bob string
		IDToken         int
		Authorizations  []login
		Registrations   int
		KeyReads        int
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil || code != 0 {
		t.Fatalf("exit %d, %v\n%s\n%s", code, err, out, errs)
	}
	resource := said.Address + "/mcp"
	const first, more = "tools:read tools:call runs:read", "tools:call runs:write tools:read runs:read"
	if f := said.First; f.Logins != 1 || f.Scope != first || f.Aud != resource || f.Sub != "ann" || f.Typ != "at+jwt" || !f.Registered {
		t.Errorf("the first login: %+v", f)
	}
	if said.Tools == 0 || said.Run != "completed" {
		t.Errorf("%d tools are listed, and the run is %s", said.Tools, said.Run)
	}
	if r := said.Refreshed; r.Tools != said.Tools || !r.Other || r.Scope != first {
		t.Errorf("after the refresh: %+v", r)
	}
	if s := said.StepUp; s.Logins != 1 || s.Scope != more || s.Result != "completed" || said.After != "completed" {
		t.Errorf("a call that needs more: %+v, then %s", s, said.After)
	}
	if said.Ann != "found" || said.Bob != "not_found" {
		t.Errorf("the run is %s for its principal and %s for another", said.Ann, said.Bob)
	}
	if said.IDToken != 401 {
		t.Errorf("an ID token gets %d", said.IDToken)
	}
	ask := login{first, resource, "S256"}
	if want := []login{ask, {more, resource, "S256"}, ask, ask}; !slices.Equal(said.Authorizations, want) {
		t.Errorf("the client asked for %+v", said.Authorizations)
	}
	if said.Registrations != 4 || said.KeyReads != 1 {
		t.Errorf("%d registrations, and the keys were read %d times", said.Registrations, said.KeyReads)
	}
	if strings.Contains(errs, "eyJ") {
		t.Errorf("a token is in the log: %s", errs)
	}
}
