package sqlite

import (
	"database/sql"
	"fmt"
	"reflect"

	"modernc.org/libc"
)

// handle is what the library knows a connection by. The driver keeps it to
// itself.
type handle struct {
	tls *libc.TLS
	db  uintptr
}

func handleOf(driverConn any) (handle, error) {
	v := reflect.Indirect(reflect.ValueOf(driverConn))
	if v.Kind() == reflect.Struct {
		tls, db := v.FieldByName("tls"), v.FieldByName("db")
		if tls.IsValid() && tls.Type() == reflect.TypeFor[*libc.TLS]() && !tls.IsNil() && db.IsValid() && db.Kind() == reflect.Uintptr && db.Uint() != 0 {
			return handle{(*libc.TLS)(tls.UnsafePointer()), uintptr(db.Uint())}, nil
		}
	}
	return handle{}, fmt.Errorf("the driver's connection %T has no handle", driverConn)
}

func rawHandle(conn *sql.Conn) (h handle, err error) {
	failed := conn.Raw(func(driverConn any) error {
		h, err = handleOf(driverConn)
		return nil
	})
	if err == nil {
		err = failed
	}
	return h, err
}
