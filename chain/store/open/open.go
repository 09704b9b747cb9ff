// Package open makes a store from its name.
package open

import (
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors"
)

// Options are how much a store keeps. The zero value is fine.
type Options struct {
	Memory memory.Options
	SQLite sqlite.Options
}

// Open makes the store that a name stands for: "memory", or "sqlite:PATH".
func Open(name string, opts Options) (store.Store, error) {
	kind, path, _ := strings.Cut(name, ":")
	switch {
	case name == "memory":
		return memory.Open(opts.Memory), nil
	case kind == "sqlite" && path != "":
		return sqlite.Open(path, opts.SQLite), nil
	case kind == "sqlite":
		return nil, bad("the store %q names no file", name)
	}
	return nil, bad("there is no store %q", name)
}

func bad(format, name string) *executors.Error {
	return executors.Errorf(executors.ValidationError, "%s", fmt.Sprintf(format, name)).
		WithField("store").WithHint(`it is "sqlite:PATH" for a file that is kept, or "memory" for records that end with the program`)
}
