package executortest

import (
	"encoding/base64"
	"encoding/hex"
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
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// core is the part of Secret that only base64 changes.
const core = "S3cretC0reValue"

// Secret is the value of the secret TOKEN of a Vault. Each encoding changes some
// of its characters.
const Secret = `t/+` + core + `=?&<"x">'\end`

// Hole is the placeholder of the secret in inputs.
const Hole = "${{ secrets.TOKEN }}"

// EchoScript is a shell script that writes the value of the variable KEY to
// stdout and stderr, as it is and in several encodings.
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

// Echo returns a value in every encoding that a peer could use, one on each
// line.
func Echo(given string) string {
	if given == "" {
		return ""
	}
	withUser := []byte("user:" + given)
	quoted, _ := json.Marshal(given) // escaped for HTML
	plain := string(plainjson.AppendString(nil, given))
	return strings.Join([]string{
		"got " + given, "query " + url.QueryEscape(given), "path " + url.PathEscape(given), "small " + strings.ToLower(url.QueryEscape(given[:1])) + given[1:],
		"json " + string(quoted), "json " + plain, "json " + strings.ReplaceAll(plain, "/", `\/`), "html " + html.EscapeString(given),
		"base64 " + base64.StdEncoding.EncodeToString([]byte(given)), base64.RawStdEncoding.EncodeToString(withUser),
		base64.URLEncoding.EncodeToString(withUser), base64.RawURLEncoding.EncodeToString([]byte(given)),
		"hex " + hex.EncodeToString([]byte(given)),
	}, "\n")
}

// BoundTo returns a secret for servers of the test, by their URLs or addresses.
func BoundTo(servers ...string) policy.Secret {
	var bound policy.Secret
	for _, server := range servers {
		to := policy.DestinationOf(server)
		bound.Hosts = append(bound.Hosts, to.Host+":"+to.Port)
	}
	return bound
}

// Vault is a registry whose policy has the secret TOKEN. Everything that it
// returns, logs and records is searched for the secret.
type Vault struct {
	Registry *executors.Registry

	tb       testing.TB
	audit    string
	used     bool
	mu       sync.Mutex
	log      strings.Builder
	progress strings.Builder
	logs     Logs
}

// NewVault returns a registry for a test. bound limits where the secret may be
// used; its source is set by the vault.
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

// Write implements io.Writer for the log.
func (v *Vault) Write(line []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.log.Write(line)
}

// Call makes a call with the secret in its inputs. It fails the test if the
// outcome contains the secret in any encoding, or no mark instead.
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
	call := &executors.Call{Inputs: resolved, Attempt: 1, Logs: &v.logs, OnProgress: func(p executors.Progress) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.progress.WriteString(p.Message + "\n")
	}}
	outcome := v.Registry.Invoke(v.tb.Context(), id, call, 0)
	said := allTexts(v.tb, outcome)
	CheckHidden(v.tb, "the outcome of "+id, said)
	CheckHidden(v.tb, "the progress of "+id, v.Progress())
	CheckHidden(v.tb, "the log of "+id, v.logs.Text())
	if !strings.Contains(said+v.Progress(), "[secret]") {
		v.tb.Errorf("%s: nothing came back of the secret: %s, %+v", id, outcome.Result, outcome.Err)
	}
	return outcome
}

// Uses tells the vault that calls use the secret although no input names it.
func (v *Vault) Uses() { v.used = true }

// Progress returns the progress that the calls reported, as text.
func (v *Vault) Progress() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.progress.String()
}

// checkTrails searches the log, the audit trail and the progress.
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

// allTexts returns the texts of an outcome.
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

// CheckHidden fails the test if a text contains the secret or most of it, as it
// is or in base64 with any line breaks.
func CheckHidden(tb testing.TB, what, text string) {
	tb.Helper()
	flat := strings.NewReplacer("\n", "", "\r", "", `\n`, "", `\r`, "", " ", "").Replace(text)
	forms := []string{core, core[:len(core)-3], core[3:], hex.EncodeToString([]byte(core))}
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
