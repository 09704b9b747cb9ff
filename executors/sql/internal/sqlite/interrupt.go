package sqlite

import (
	"context"
	"sync"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// interruptWith interrupts the statement of a connection when ctx ends, until
// stop is called. The driver itself does so only up to the first row.
func (h handle) interruptWith(ctx context.Context) (stop func()) {
	var mu sync.Mutex
	stopped := false
	unhook := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if !stopped {
			tls := libc.NewTLS()
			defer tls.Close()
			lib.Xsqlite3_interrupt(tls, h.db)
		}
	})
	return func() {
		unhook()
		mu.Lock() // waits for an interrupt in progress
		defer mu.Unlock()
		stopped = true
	}
}
