package executortest

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// core is the part of Secret that no encoder but base64 writes in another way.
const core = "S3cretC0reValue"

// Secret is what the secret TOKEN of a Vault holds. Every encoding writes some
// of it in a way of its own.
const Secret = `t/+` + core + `=?&<"x">'\end`

// Hole is what a test writes into an input where the secret is to be.
const Hole = "${{ secrets.TOKEN }}"

// EchoScript is a shell script that writes what the variable KEY holds, as it
// is and as others write it, to its outputs.
const EchoScript = `
url=
rest=$KEY
while [ -n "$rest" ]; do
	after=${rest#?}
	first=${rest%"$after"}
	case $first in
	[a-zA-Z0-9.~_-]) url=$url$first ;;
	*) url=$url$(printf '%%%02x' "'$first") ;;
	esac
	rest=$after
done
encoded=$(printf %s "a user whose name is so long that there are two lines:$KEY" | base64)
for each in "$KEY" "$url" "$encoded" "$(printf %s "$encoded" | tr -d '=\n' | tr +/ -_)" "$(printf %s "$KEY" | sed 's/[\\"]/\\&/g')"; do
	printf 'out %s\n' "$each"
	printf 'err %s\n' "$each" >&2
done
`

// Echo is what a peer says that was given a value and gives it back in every
// way there is, one a line.
func Echo(given string) string {
	if given == "" {
		return ""
	}
	withUser := []byte("user:" + given)
	quoted, _ := json.Marshal(given)
	plain := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(quoted))
	return strings.Join([]string{
		"got " + given, "query " + url.QueryEscape(given), "path " + url.PathEscape(given), "small " + strings.ToLower(url.QueryEscape(given[:1])) + given[1:],
		"json " + string(quoted), "json " + plain, "json " + strings.ReplaceAll(plain, "/", `\/`), "html " + html.EscapeString(given),
		"base64 " + base64.StdEncoding.EncodeToString([]byte(given)), base64.RawStdEncoding.EncodeToString(withUser),
		base64.URLEncoding.EncodeToString(withUser), base64.RawURLEncoding.EncodeToString([]byte(given)),
	}, "\n")
}

// Vault is a registry whose policy holds the secret TOKEN. What leaves it is
// looked through for the secret.
type Vault struct {
	Registry *executors.Registry

	tb       testing.TB
	audit    string
	used     bool
	mu       sync.Mutex
	log      strings.Builder
	progress strings.Builder
}

// NewVault makes a registry for a test. The secret may go where bound says;
// its source is the vault's own.
func NewVault(tb testing.TB, cfg policy.Config, bound policy.Secret, execs ...executors.Executor) *Vault {
	tb.Helper()
	dir := tb.TempDir()
	v := &Vault{tb: tb, audit: filepath.Join(dir, "audit.jsonl")}
	bound.File = filepath.Join(dir, "token")
	if err := os.WriteFile(bound.File, []byte(Secret+"\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
	cfg.Secrets = map[string]policy.Secret{"TOKEN": bound}
	cfg.Audit.Path = v.audit
	pol, err := policy.New(cfg)
	if err != nil {
		tb.Fatalf("the policy: %v", err)
	}
	if v.Registry, err = executors.NewRegistry(pol, zerolog.New(v), execs...); err != nil {
		tb.Fatalf("the registry: %v", err)
	}
	v.Registry.CheckOutputs(true)
	tb.Cleanup(func() {
		if err := v.Registry.Close(); err != nil {
			tb.Errorf("closing the registry: %v", err)
		}
		if err := pol.Close(); err != nil {
			tb.Errorf("closing the policy: %v", err)
		}
		v.checkTrails()
	})
	return v
}

// Write takes a line of the log.
func (v *Vault) Write(line []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.log.Write(line)
}

// Call makes a call with the secret in it. Nothing that comes back holds the
// secret, in whatever way it is written, and its name stands where it was.
func (v *Vault) Call(id string, inputs map[string]any) executors.Outcome {
	v.tb.Helper()
	raw, err := json.Marshal(inputs)
	if err != nil {
		v.tb.Fatal(err)
	}
	resolved, refused := v.Registry.ResolveInputs(id, raw)
	if refused != nil {
		v.tb.Fatalf("%s refuses %s: %v", id, raw, refused)
	}
	v.used = v.used || strings.Contains(string(raw), Hole)
	call := &executors.Call{Inputs: resolved, Attempt: 1, OnProgress: func(p executors.Progress) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.progress.WriteString(p.Message + "\n")
	}}
	outcome := v.Registry.Invoke(v.tb.Context(), id, call, 0)
	said := allTexts(v.tb, outcome)
	CheckHidden(v.tb, "the outcome of "+id, said)
	CheckHidden(v.tb, "the progress of "+id, v.Progress())
	if !strings.Contains(said+v.Progress(), "[secret TOKEN]") {
		v.tb.Errorf("%s: nothing came back of the secret: %s, %+v", id, outcome.Result, outcome.Err)
	}
	return outcome
}

// Uses says that calls use the secret, though no input names it.
func (v *Vault) Uses() { v.used = true }

// Progress is what the calls reported, as text.
func (v *Vault) Progress() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.progress.String()
}

// checkTrails looks through what was written beside the outcomes.
func (v *Vault) checkTrails() {
	audit, err := os.ReadFile(v.audit)
	if err != nil {
		v.tb.Errorf("the audit trail: %v", err)
	}
	if v.used && !strings.Contains(string(audit), `"secrets":["TOKEN"]`) {
		v.tb.Errorf("the audit trail does not say that the secret was used: %s", audit)
	}
	CheckHidden(v.tb, "the audit trail", string(audit))
	CheckHidden(v.tb, "the log", v.log.String())
}

// allTexts are the texts of an outcome, as its reader has them.
func allTexts(tb testing.TB, outcome executors.Outcome) string {
	tb.Helper()
	var all strings.Builder
	if len(outcome.Result) > 0 {
		value, err := strictjson.Decode(outcome.Result)
		if err != nil {
			tb.Fatalf("the result %.1000s: %v", outcome.Result, err)
		}
		collect(&all, value)
	}
	if err := outcome.Err; err != nil {
		for _, each := range []string{err.Message, err.Hint, err.Field, err.Code} {
			all.WriteString(each + "\n")
		}
	}
	return all.String()
}

func collect(into *strings.Builder, value any) {
	switch value := value.(type) {
	case string:
		into.WriteString(value + "\n")
	case []any:
		for _, each := range value {
			collect(into, each)
		}
	case map[string]any:
		for key, each := range value {
			into.WriteString(key + "\n")
			collect(into, each)
		}
	}
}

// CheckHidden fails a test where the secret is in a text, as it is or in
// base64, however that is broken into lines, or most of it.
func CheckHidden(tb testing.TB, what, text string) {
	tb.Helper()
	flat := strings.NewReplacer("\n", "", "\r", "", `\n`, "", `\r`, "", " ", "").Replace(text)
	forms := []string{core, core[:len(core)-3], core[3:]}
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 {
			encoded := enc.EncodeToString([]byte(strings.Repeat("x", shift) + core + "xx"))
			forms = append(forms, encoded[4:len(encoded)-6])
		}
	}
	for _, form := range forms {
		if at := strings.Index(flat, form); at >= 0 {
			tb.Errorf("%s holds the secret: … %s …", what, flat[max(0, at-60):min(len(flat), at+len(form)+60)])
			return
		}
	}
}
