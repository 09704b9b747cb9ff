package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/go-sql-driver/mysql"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/sql/internal/backend"
)

// readAhead is the most bytes that the driver reads beyond a row.
const readAhead = 1 << 20

// wire is a connection that limits the bytes of a row: the driver accepts a row
// of any size, up to the gigabyte that a server may send.
type wire struct {
	net.Conn
	room   atomic.Int64
	full   atomic.Bool
	closed func()
	// resetting is set while the session is being reset, by the goroutine that
	// uses the connection.
	resetting bool
	checked   bool // the account may read
}

var errNoRoom = errors.New("the server sends a row that is too large")

func (w *wire) Read(p []byte) (int, error) {
	room := w.room.Load()
	if room <= 0 {
		w.full.Store(true)
		return 0, errNoRoom
	}
	n, err := w.Conn.Read(p[:min(int64(len(p)), room)])
	w.room.Add(-int64(n))
	return n, err
}

// Close forgets the connection.
func (w *wire) Close() error {
	if w.closed != nil {
		w.closed()
	}
	return w.Conn.Close()
}

// open is a wire whose state can be checked before it is used again.
type open struct {
	*wire
	syscall.Conn
}

func (o open) Close() error { return o.wire.Close() }

// allow resets the limit for the next row.
func (w *wire) allow() {
	if w != nil {
		w.room.Store(backend.MaxMessage + readAhead)
	}
}

// overflow returns the error for a row over the limit.
func (w *wire) overflow(err error) error {
	if err == nil || w == nil || !w.full.Load() {
		return err
	}
	return executors.Errorf(executors.ExecutionError, "a row is larger than %d bytes", backend.MaxMessage).
		WithHint("leave out large columns, or select a part of them with SUBSTRING")
}

// wires maps the driver's connections to their wires.
type wires struct {
	driver.Connector
	all sync.Map
}

type wireKey struct{}

// watch returns a connector whose connections have limits.
func watch(config *mysql.Config) (*wires, error) {
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		w := &wire{Conn: conn}
		w.allow()
		if made, ok := ctx.Value(wireKey{}).(**wire); ok {
			*made = w
		}
		if raw, ok := conn.(syscall.Conn); ok {
			return open{w, raw}, nil
		}
		return w, nil
	}
	config.Logger = &mysql.NopLogger{} // what breaks a connection is in the error
	connector, err := mysql.NewConnector(config)
	return &wires{Connector: connector}, err
}

// Connect connects, and remembers the wire.
func (w *wires) Connect(ctx context.Context) (driver.Conn, error) {
	var made *wire
	conn, err := w.Connector.Connect(context.WithValue(ctx, wireKey{}, &made))
	if err == nil && made != nil {
		w.all.Store(conn, made)
		made.closed = func() { w.all.Delete(conn) }
	}
	return conn, err
}

// of returns the wire of a connection, or nil if it is not known.
func (w *wires) of(conn any) *wire {
	found, _ := w.all.Load(conn)
	made, _ := found.(*wire)
	return made
}
