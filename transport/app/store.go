package app

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/chain/store/postgres"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors"
)

// memoryStore is the name of the store that ends with the process.
const memoryStore = "memory"

// storeOptions are what every store that is kept needs to know.
type storeOptions struct {
	keep     time.Duration
	maxBytes int64 // of a file
	onError  func(error)
}

// bounded returns the options for a store, where 0 is the store's default and not
// "no limit".
func (o storeOptions) bounded() storeOptions {
	if o.keep == 0 {
		o.keep = math.MaxInt64
	}
	if o.maxBytes == 0 {
		o.maxBytes = math.MaxInt64
	}
	return o
}

// openStore opens the store with a name: "memory", "sqlite:PATH" or
// "postgres://…".
func openStore(name string, opts storeOptions) (store.Store, error) {
	opts = opts.bounded()
	kind, path, _ := strings.Cut(name, ":")
	var reason string
	switch {
	case name == memoryStore:
		return memory.Open(memory.Options{}), nil
	case kind == "sqlite" && path != "":
		return sqlite.Open(path, sqlite.Options{MaxAge: opts.keep, MaxBytes: opts.maxBytes, OnError: opts.onError}), nil
	case kind == "sqlite":
		reason = fmt.Sprintf("the store %q names no file", name)
	case kind == "postgres" || kind == "postgresql":
		s, err := postgres.Open(name, postgres.Options{MaxAge: opts.keep, OnError: opts.onError})
		if err == nil {
			return s, nil
		}
		return nil, executors.Errorf(executors.ValidationError, "%w", err).
			WithField("store").WithHint("its form is postgres://USER@HOST:PORT/DATABASE; the password may be in PGPASSWORD or in a .pgpass file")
	default:
		reason = fmt.Sprintf("there is no store %q", name)
	}
	return nil, executors.Errorf(executors.ValidationError, "%s", reason).
		WithField("store").WithHint(`it is "sqlite:PATH" for a file that is kept, "postgres://…" for a database that several servers share, or "memory" for records that end with the program`)
}
