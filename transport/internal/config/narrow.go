package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors/policy"
)

// A rule narrows the user's own value of a setting by the value in an unapproved
// file. It returns false if the file's value, or a part of it, does not narrow.
// That part is ignored.
type rule func(own, found reflect.Value) bool

// rules has a rule for every setting. An unapproved file was only found in the
// working folder, which may be someone else's repository, or a folder that an
// assistant writes. So it may withhold, and never open, start, move, or delete
// anything.
var rules = map[string]rule{
	"store":         ignored,
	"data_dir":      ignored,
	"trees":         ignored,
	"executors_dir": onlyNone,
	"toolsets":      ignored, // narrowSelection handles both
	"tools":         ignored,
	"exclude_tools": more,
	"discovery":     on,
	"log_level":     louder,
	"log_format":    ignored,
	"grace":         ignored,

	"records.keep":      ignored, // a lower limit deletes runs
	"records.max_bytes": ignored,
	"memory.gc_percent": ignored,
	"memory.limit":      ignored,

	"http.addr":       ignored,
	"http.token_env":  ignored,
	"http.tokens":     ignored,
	"http.origins":    fewer,
	"http.hosts":      fewer,
	"http.stateless":  ignored,
	"http.public_url": ignored,

	"oauth.issuers":        ignored,
	"oauth.audiences":      ignored,
	"oauth.algorithms":     ignored,
	"oauth.roles_claim":    ignored,
	"oauth.scopes":         ignored,
	"oauth.ca_file":        ignored,
	"oauth.page_client_id": ignored,

	"llm.provider":            onlyNone,
	"llm.model":               ignored,
	"llm.max_concurrent":      lower(30),
	"llm.requests_per_minute": lower(0),
	"llm.tokens_per_minute":   lower(0),
	"llm.connect_timeout":     ignored,
	"llm.first_token_timeout": ignored,
	"llm.idle_timeout":        ignored,
	"llm.timeout":             ignored,
	"llm.max_cost_usd":        lower(0),
	"llm.max_tokens_total":    lower(0),
	"llm.cache":               ignored,
	"llm.prices":              ignored, // a lower price raises the limit of the cost

	"planner.share_names": off,

	"telemetry.endpoint":     ignored,
	"telemetry.metrics":      ignored,
	"telemetry.metrics_addr": ignored,

	"policy.read_only":                     on,
	"policy.retry_unsafe":                  off,
	"policy.approvals.tool":                off,
	"policy.confirm":                       stricter,
	"policy.command.shell":                 off,
	"policy.command.programs":              fewer,
	"policy.files.roots":                   readOnlyRoots,
	"policy.network.allow":                 fewer,
	"policy.ssh.hosts":                     fewer,
	"policy.docker.images":                 fewer,
	"policy.docker.network":                off,
	"policy.docker.host":                   ignored,
	"policy.databases.caller_dsn":          off,
	"policy.connections":                   ignored,
	"policy.secrets":                       ignored, // a secret that is not named is not redacted
	"policy.oauth_clients":                 ignored,
	"policy.limits.output_bytes":           lower(10 << 20),
	"policy.limits.file_bytes":             lower(10 << 20),
	"policy.limits.max_parallel":           lower(64),
	"policy.limits.max_live":               lower(1000),
	"policy.limits.max_queued":             lower(20_000),
	"policy.limits.principal.max_parallel": lower(0),
	"policy.limits.principal.per_second":   lower(0),
	"policy.limits.principal.max_queued":   lower(0),
	"policy.limits.executors":              ignored,
	"policy.breaker.failures":              ignored,
	"policy.breaker.longest":               ignored,
	"policy.breaker.off":                   ignored,
	"policy.audit.path":                    ignored,
	"policy.audit.off":                     ignored,
	"policy.audit.max_bytes":               ignored,
	"policy.audit.keep":                    ignored,
}

func ignored(_, _ reflect.Value) bool { return false }

// on lets a file turn a restriction on.
func on(own, found reflect.Value) bool {
	own.SetBool(own.Bool() || found.Bool())
	return found.Bool()
}

// off lets a file turn a permission off.
func off(own, found reflect.Value) bool {
	own.SetBool(own.Bool() && found.Bool())
	return !found.Bool()
}

func onlyNone(own, found reflect.Value) bool {
	if found.String() != NoExecutors {
		return false
	}
	own.SetString(NoExecutors)
	return true
}

// fewer keeps the entries of a list that the file lists, too.
func fewer(own, found reflect.Value) bool {
	if own.Len() == 0 {
		return found.Len() == 0
	}
	kept := reflect.MakeSlice(own.Type(), 0, own.Len())
	for i := range own.Len() {
		if listed(found, own.Index(i)) {
			kept = reflect.Append(kept, own.Index(i))
		}
	}
	narrows := true
	for i := range found.Len() {
		narrows = narrows && listed(own, found.Index(i))
	}
	own.Set(kept)
	return narrows
}

func listed(list, one reflect.Value) bool {
	for i := range list.Len() {
		if reflect.DeepEqual(list.Index(i).Interface(), one.Interface()) {
			return true
		}
	}
	return false
}

// more adds the file's names to a list of what is withheld.
func more(own, found reflect.Value) bool {
	both := slices.Concat(own.Interface().([]string), found.Interface().([]string))
	slices.Sort(both)
	own.Set(reflect.ValueOf(slices.Compact(both)))
	return true
}

// lower takes a limit that is lower than the user's own. A limit of 0 means the
// default; a default of 0 means no limit.
func lower(standard float64) rule {
	return func(own, found reflect.Value) bool {
		limit, now := number(found), cmp.Or(number(own), standard)
		if limit <= 0 || now > 0 && limit > now {
			return false
		}
		own.Set(found)
		return true
	}
}

func number(v reflect.Value) float64 {
	if v.CanInt() {
		return float64(v.Int())
	}
	return v.Float()
}

// stricter takes a value of policy.confirm that asks about more calls.
func stricter(own, found reflect.Value) bool {
	order := []string{policy.ConfirmNever, policy.ConfirmWherePossible, policy.ConfirmDestructive}
	now := slices.Index(order, cmp.Or(own.String(), policy.ConfirmNever))
	if slices.Index(order, found.String()) <= now {
		return false
	}
	own.Set(found)
	return true
}

// louder takes a log level that logs more.
func louder(own, found reflect.Value) bool {
	now, err := zerolog.ParseLevel(own.String())
	then, wrong := zerolog.ParseLevel(found.String())
	if err != nil || wrong != nil || then > now {
		return false
	}
	own.Set(found)
	return true
}

// readOnlyRoots lets a file take back the permission to write a root. It does not
// let it remove a root: a read-only root inside a writable one protects its files.
func readOnlyRoots(own, found reflect.Value) bool {
	given, _ := found.Interface().(map[string]policy.Root)
	roots, narrows := map[string]policy.Root{}, true
	for name, root := range own.Interface().(map[string]policy.Root) {
		other, named := given[name]
		if same := other.Path == "" || other.Path == root.Path; named && same {
			root.Write = root.Write && other.Write
			narrows = narrows && !other.Write
		} else {
			narrows = narrows && !named
		}
		roots[name] = root
	}
	for name := range given {
		_, known := roots[name]
		narrows = narrows && known
	}
	own.Set(reflect.ValueOf(roots))
	return narrows
}

// narrow applies an unapproved file to the user's own configuration, key by key. A
// variable or a flag overrides the file, as it overrides every file.
func (l *Loaded) narrow(found *Loaded) {
	l.Found, l.found = found.File, found.data
	l.problems = append(l.problems, found.problems...)
	ours, theirs := reflect.ValueOf(&l.Config).Elem(), reflect.ValueOf(&found.Config).Elem()
	for _, s := range settings() {
		where, set := found.origins[s.key]
		if !set || l.fixed(s.key) || s.key == "toolsets" || s.key == "tools" {
			continue
		}
		own, other := ours.FieldByIndex(s.index), theirs.FieldByIndex(s.index)
		if reflect.DeepEqual(own.Interface(), other.Interface()) {
			continue
		}
		before := reflect.New(own.Type()).Elem()
		before.Set(own)
		if !rules[s.key](own, other) {
			l.Ignored = append(l.Ignored, Problem{Where: where, Message: s.key})
		}
		if !reflect.DeepEqual(before.Interface(), own.Interface()) {
			l.origins[s.key] = where
		}
	}
	l.narrowSelection(found)
}

// narrowSelection applies the file's toolsets and tools. They select together: a
// tool is published if either names it.
func (l *Loaded) narrowSelection(found *Loaded) {
	if l.fixed("toolsets") || l.fixed("tools") || len(found.Toolsets)+len(found.Tools) == 0 {
		return
	}
	if len(l.Toolsets)+len(l.Tools) > 0 {
		l.Within = &Within{Toolsets: found.Toolsets, Tools: found.Tools}
		return
	}
	l.Toolsets, l.Tools = found.Toolsets, found.Tools
	for _, key := range []string{"toolsets", "tools"} {
		if where, set := found.origins[key]; set {
			l.origins[key] = where
		}
	}
}

// fixed reports whether a variable or a flag has set a setting.
func (l *Loaded) fixed(key string) bool {
	where, set := l.origins[key]
	return set && !l.fromFile(where)
}

// Warning says which keys of an unapproved file are ignored; "" if none are.
func (l *Loaded) Warning() string {
	if len(l.Ignored) == 0 {
		return ""
	}
	var keys []string
	for _, each := range l.Ignored {
		keys = append(keys, each.Message)
	}
	return fmt.Sprintf("%s was only found in this folder and is not approved, so it can only restrict. Ignored: %s. "+
		"Review the file and run `chainwright doctor --approve`, or name it with --config %s", FileName, strings.Join(keys, ", "), FileName)
}
