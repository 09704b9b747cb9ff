package brief

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

const (
	// ofKind is how many names of a kind are listed.
	ofKind = 8
	// longName is the length in bytes above which a name is only counted.
	longName = 64
	// usualNames is the size in bytes up to which the names take room from the
	// descriptions of executors. What is needed must be whole beside many names,
	// too: then the brief is longer.
	usualNames = 400
)

// use is what the inputs of an executor can name that the operator configured.
type use struct {
	connections []string // kinds
	read, write bool     // files of folders
	programs    bool
}

// uses are those of the built-in executors. Secrets are not here: their own
// bindings say who may use them.
var uses = map[string]use{
	"db_query":            {connections: []string{"sqlite", "postgres", "mysql"}},
	"send_email_executor": {connections: []string{"smtp"}},
	"ssh_executor":        {connections: []string{"ssh"}, read: true, write: true},
	"grpc_executor":       {connections: []string{"grpc"}, read: true},
	"mcp_executor":        {connections: []string{"mcp"}, read: true, programs: true},
	"command_executor":    {read: true, programs: true},
	"docker_executor":     {read: true},
	"file_reader":         {read: true},
	"file_writer":         {write: true},
}

// configured returns the lines with the names that the needed executors can use:
// never an address, a path or a value. It is "" if there are none.
func configured(opts Options, list []*executors.Definition, needed int) string {
	if opts.HideNames {
		return ""
	}
	if opts.Budget <= Budget { // else all executors are described
		list = list[:needed]
	}
	pol := opts.Registry.Policy()
	readOnly := opts.ReadOnly || pol.ReadOnly()
	var all use
	var secrets []string
	for _, def := range list {
		_, readable := def.ReadOnlyInput()
		if _, closed := opts.Registry.Closed(def.ID); closed || readOnly && !readable {
			continue
		}
		if def.BuiltIn {
			each := uses[def.ID]
			all.connections = append(all.connections, each.connections...)
			all.read, all.write = all.read || each.read, all.write || each.write
			all.programs = all.programs || each.programs && !readOnly
		}
		secrets = append(secrets, secretsOf(opts.Registry, def)...)
	}
	slices.Sort(secrets)
	var b strings.Builder
	line := func(title string, names []name) {
		if len(names) > 0 {
			fmt.Fprintf(&b, "- %s: %s\n", title, enumerate(names))
		}
	}
	line("connections", connectionsOf(pol, all.connections, readOnly))
	line("folders, in paths such as `NAME:file.csv`", foldersOf(pol, all, readOnly))
	if all.programs {
		line("programs", plain(pol.ProgramNames()))
	}
	line("secrets", plain(slices.Compact(secrets)))
	if b.Len() == 0 {
		return ""
	}
	return "\nConfigured by the operator; use one where the requirement means it:\n\n" + b.String()
}

// name is a name with what a plan must know of it, or "".
type name struct{ name, note string }

func plain(names []string) []name {
	list := make([]name, len(names))
	for i, each := range names {
		list[i].name = each
	}
	return list
}

// connectionsOf returns the connections of the kinds, with the kind. Those for
// SSH must be allowed as hosts, too.
func connectionsOf(pol *policy.Policy, kinds []string, readOnly bool) (list []name) {
	if len(kinds) == 0 {
		return nil // no kinds are all kinds
	}
	for _, each := range pol.Connections(kinds...) {
		connection, err := pol.Connection(each)
		if err != nil || connection.Kind == "ssh" && pol.SSHHost(each) != nil {
			continue
		}
		note := connection.Kind
		if connection.Write && !readOnly {
			note += ", write"
		}
		list = append(list, name{each, note})
	}
	return list
}

// foldersOf returns the folders, with what may be done there.
func foldersOf(pol *policy.Policy, all use, readOnly bool) (list []name) {
	if !all.read && !all.write {
		return nil
	}
	writable := pol.RootNames(true)
	for _, each := range pol.RootNames(false) {
		switch {
		case !readOnly && slices.Contains(writable, each):
			list = append(list, name{each, "read, write"})
		case all.read:
			list = append(list, name{each, "read"})
		}
	}
	return list
}

// secretsOf returns the secrets that calls of an executor may use.
func secretsOf(reg *executors.Registry, def *executors.Definition) []string {
	found, _ := reg.Lookup(def.ID)
	_, sender := found.(executors.Sender) // its calls may go to a host or to none
	return reg.Policy().SecretNamesFor(def.ID, sender || def.Destination != "", sender || def.Destination == "")
}

// enumerate writes the first names, and how many there are more. A name that is
// long or would break the line is only counted.
func enumerate(names []name) string {
	var shown []string
	for _, each := range names {
		odd := len(each.name) > longName || strings.ContainsFunc(each.name, func(r rune) bool { return r == '`' || !unicode.IsPrint(r) })
		if len(shown) == ofKind || odd {
			continue
		}
		text := "`" + each.name + "`"
		if each.note != "" {
			text += " (" + each.note + ")"
		}
		shown = append(shown, text)
	}
	if more := len(names) - len(shown); more > 0 {
		shown = append(shown, fmt.Sprintf("%d more", more))
	}
	return strings.Join(shown, ", ")
}
