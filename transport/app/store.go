package app

import (
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors"
)

// openStore opens the store with a name: "memory" or "sqlite:PATH".
func openStore(name string, opts sqlite.Options) (store.Store, error) {
	kind, path, _ := strings.Cut(name, ":")
	var reason string
	switch {
	case name == "memory":
		return memory.Open(memory.Options{}), nil
	case kind == "sqlite" && path != "":
		return sqlite.Open(path, opts), nil
	case kind == "sqlite":
		reason = fmt.Sprintf("the store %q names no file", name)
	default:
		reason = fmt.Sprintf("there is no store %q", name)
	}
	return nil, executors.Errorf(executors.ValidationError, "%s", reason).
		WithField("store").WithHint(`it is "sqlite:PATH" for a file that is kept, or "memory" for records that end with the program`)
}
