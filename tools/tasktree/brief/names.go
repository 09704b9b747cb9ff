package brief

import (
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/names"
)

// usualNames is the size in bytes up to which the names take room from the
// descriptions of executors. What is needed must be whole beside many names,
// too: then the brief is longer.
const usualNames = 400

// titles are the kinds of names that a brief lists, in order.
var titles = []struct{ kind, title string }{
	{names.Connections, "connections"},
	{names.Folders, "folders, in paths such as `NAME:file.csv`"},
	{names.Programs, "programs"},
	{names.Secrets, "secrets"},
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
	var all []names.Group
	for _, def := range list {
		all = names.Merge(all, names.Of(opts.Registry, def, opts.ReadOnly))
	}
	var b strings.Builder
	for _, each := range titles {
		for _, group := range all {
			if group.Kind != each.kind {
				continue
			}
			if group.Kind == names.Secrets { // a remote model is not told the hosts
				for i := range group.Names {
					group.Names[i].Note = ""
				}
			}
			text, more := names.Enumerate(group.Names, names.OfKind, "`")
			if more > 0 {
				text = strings.TrimPrefix(fmt.Sprintf("%s, %d more", text, more), ", ")
			}
			fmt.Fprintf(&b, "- %s: %s\n", each.title, text)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "\nConfigured by the operator; use one where the requirement means it:\n\n" + b.String()
}
