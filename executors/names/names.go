// Package names lists the names that calls of an executor can use. It is not a stable API.
// They are the names that the operator configured: never the path of a folder
// or a program, the address of a connection or the value of a secret.
package names

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

const (
	// OfKind is how many names of a kind a text lists.
	OfKind = 8
	// long is the length in bytes above which a text only counts a name.
	long = 64
)

// The kinds of names.
const (
	Connections = "connections"
	Folders     = "folders"
	Programs    = "programs"
	Images      = "images"
	Hosts       = "hosts"       // for SSH
	Local       = "local hosts" // allowed in addition to public ones
	Secrets     = "secrets"
)

// Group is the names of one kind, sorted. Note is what a caller must know of a
// name, such as "read, write", or "".
type Group struct {
	Kind  string
	Names []Name
}

// Name is one name.
type Name struct {
	Name string `json:"name"`
	Note string `json:"note,omitempty"`
}

// use is what the inputs of an executor can name. own is the kind that its calls
// are about.
type use struct {
	own         []string
	connections []string // kinds
	read, write bool     // files of folders
	programs    bool
	images      bool
	hosts       bool
}

// uses are those of the built-in executors. Secrets and local hosts are not here:
// the binding of a secret and the destination of the executor decide.
var uses = map[string]use{
	"db_query":            {own: []string{Connections}, connections: []string{"sqlite", "postgres", "mysql"}},
	"send_email_executor": {own: []string{Connections}, connections: []string{"smtp"}},
	"ssh_executor":        {own: []string{Connections, Hosts}, connections: []string{"ssh"}, read: true, write: true, hosts: true},
	"grpc_executor":       {own: []string{Connections}, connections: []string{"grpc"}, read: true},
	"mcp_executor":        {own: []string{Connections}, connections: []string{"mcp"}, read: true, programs: true},
	"command_executor":    {own: []string{Programs}, read: true, programs: true},
	"docker_executor":     {own: []string{Images}, read: true, images: true},
	"file_reader":         {own: []string{Folders}, read: true},
	"file_writer":         {own: []string{Folders}, write: true},
	"rest_executor":       {own: []string{Local, Secrets}},
	"scrape_executor":     {own: []string{Local}},
	"websocket_executor":  {own: []string{Local}},
}

// Of returns the names that calls of an executor can use; nil if policy closes
// it. readOnly means that only calls that change nothing are allowed.
func Of(reg *executors.Registry, def *executors.Definition, readOnly bool) (groups []Group) {
	pol := reg.Policy()
	readOnly = readOnly || pol.ReadOnly()
	_, readable := def.ReadOnlyInput()
	if _, closed := reg.Closed(def.ID); closed || readOnly && !readable {
		return nil
	}
	add := func(kind string, names []Name) {
		if len(names) > 0 {
			groups = append(groups, Group{kind, names})
		}
	}
	var u use
	if def.BuiltIn {
		u = uses[def.ID]
		add(Connections, connections(pol, u.connections, readOnly))
		add(Folders, folders(pol, u, readOnly))
		if u.programs && !readOnly {
			add(Programs, plain(pol.ProgramNames()))
		}
		if u.images {
			add(Images, plain(pol.DockerImages()))
		}
		if u.hosts {
			add(Hosts, hosts(pol))
		}
		if def.Destination != "" && !u.hosts {
			add(Local, plain(pol.LocalHosts()))
		}
	}
	add(Secrets, secrets(reg, def))
	return groups
}

// Own returns the groups that the calls of an executor are about. They belong
// into its description. Those of an executor that is not built in are the secrets
// that are bound to it by name.
func Own(reg *executors.Registry, def *executors.Definition, readOnly bool) []Group {
	own := []string{Secrets}
	if def.BuiltIn {
		own = uses[def.ID].own
	}
	groups := slices.DeleteFunc(Of(reg, def, readOnly), func(g Group) bool { return !slices.Contains(own, g.Kind) })
	if !def.BuiltIn {
		for i := range groups {
			groups[i].Names = slices.DeleteFunc(groups[i].Names, func(n Name) bool { return !reg.Policy().SecretBoundTo(n.Name, def.ID) })
		}
	}
	return slices.DeleteFunc(groups, func(g Group) bool { return len(g.Names) == 0 })
}

func plain(names []string) []Name {
	list := make([]Name, len(names))
	for i, each := range names {
		list[i].Name = each
	}
	return list
}

// connections returns the connections of the kinds, with the kind. Those for SSH
// must be allowed as hosts, too.
func connections(pol *policy.Policy, kinds []string, readOnly bool) (list []Name) {
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
		list = append(list, Name{each, note})
	}
	return list
}

// hosts returns the hosts for SSH that are not connections.
func hosts(pol *policy.Policy) []Name {
	named := pol.Connections("ssh")
	return slices.DeleteFunc(plain(pol.SSHHosts()), func(n Name) bool { return slices.Contains(named, n.Name) })
}

// folders returns the folders, with what may be done there.
func folders(pol *policy.Policy, u use, readOnly bool) (list []Name) {
	if !u.read && !u.write {
		return nil
	}
	writable := pol.RootNames(true)
	for _, each := range pol.RootNames(false) {
		switch {
		case !readOnly && slices.Contains(writable, each):
			list = append(list, Name{each, "read, write"})
		case u.read:
			list = append(list, Name{each, "read"})
		}
	}
	return list
}

// secrets returns the secrets that calls of an executor may use, with the hosts
// that they may be sent to.
func secrets(reg *executors.Registry, def *executors.Definition) []Name {
	found, _ := reg.Lookup(def.ID)
	_, sender := found.(executors.Sender) // its calls may go to a host or to none
	list := plain(reg.Policy().SecretNamesFor(def.ID, sender || def.Destination != "", sender || def.Destination == ""))
	for i := range list {
		list[i].Note = strings.Join(reg.Policy().SecretHosts(list[i].Name), ", ")
	}
	return list
}

// Merge adds the groups of another executor.
func Merge(groups, more []Group) []Group {
	for _, group := range more {
		at := slices.IndexFunc(groups, func(g Group) bool { return g.Kind == group.Kind })
		if at < 0 {
			groups = append(groups, Group{group.Kind, slices.Clone(group.Names)})
			continue
		}
		merged := append(groups[at].Names, group.Names...)
		slices.SortFunc(merged, func(a, b Name) int { return strings.Compare(a.Name, b.Name) })
		groups[at].Names = slices.Compact(merged)
	}
	return groups
}

// Enumerate writes at most the given number of names, each between quotes, and
// returns how many there are more. A name that is long or would break the line
// is only counted.
func Enumerate(names []Name, most int, quote string) (text string, more int) {
	var shown []string
	for _, each := range names {
		odd := func(text string) bool {
			return len(text) > long || strings.ContainsFunc(text, func(r rune) bool { return r == '`' || !unicode.IsPrint(r) })
		}
		if len(shown) == most || odd(each.Name) {
			continue
		}
		text := quote + each.Name + quote
		if each.Note != "" && !odd(each.Note) {
			text += fmt.Sprintf(" (%s)", each.Note)
		}
		shown = append(shown, text)
	}
	return strings.Join(shown, ", "), len(names) - len(shown)
}
