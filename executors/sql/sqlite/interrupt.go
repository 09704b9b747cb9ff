package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// interruptWith interrupts what runs on a connection when ctx ends, until stop
// is called. The driver does that itself only up to the first row, and has no
// way to ask for it later, so the handle is taken from its connection.
func interruptWith(ctx context.Context, conn *sql.Conn) (stop func(), err error) {
	var handle uintptr
	err = conn.Raw(func(driverConn any) error {
		v := reflect.Indirect(reflect.ValueOf(driverConn))
		if v.Kind() == reflect.Struct {
			if field := v.FieldByName("db"); field.IsValid() && field.Kind() == reflect.Uintptr {
				handle = uintptr(field.Uint())
			}
		}
		if handle == 0 {
			return errors.New("the driver's connection has no handle")
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("preparing to interrupt: %w", err)
	}
	var mu sync.Mutex
	stopped := false
	unhook := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if !stopped {
			tls := libc.NewTLS()
			defer tls.Close()
			lib.Xsqlite3_interrupt(tls, handle)
		}
	})
	return func() {
		unhook()
		mu.Lock() // an interrupt under way ends first
		defer mu.Unlock()
		stopped = true
	}, nil
}
