package sql

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/sql/internal/backend"
	"github.com/chainwright/chainwright/executors/sql/internal/mysql"
	"github.com/chainwright/chainwright/executors/sql/internal/postgres"
	"github.com/chainwright/chainwright/executors/sql/internal/sqlite"
)

type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// pools keeps the operator's databases open between calls.
type pools struct {
	mu     sync.Mutex
	open   map[place]backend.Database
	closed bool
}

func newPools() *pools { return &pools{open: map[place]backend.Database{}} }

// database returns the database of a target, and the function to call when it
// is no longer used.
func (p *pools) database(t target) (backend.Database, func(), error) {
	if t.callers {
		database, err := open(t)
		if err != nil {
			return nil, nil, err
		}
		return database, func() { _ = database.Close() }, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, executors.Errorf(executors.Cancelled, "the server is shutting down")
	}
	database := p.open[t.place]
	if database == nil {
		var err error
		if database, err = open(t); err != nil {
			return nil, nil, err
		}
		p.open[t.place] = database
	}
	return database, func() {}, nil
}

func open(t target) (database backend.Database, err error) {
	switch t.kind {
	case "postgres":
		database, err = postgres.Open(t.dsn, postgres.Dial(t.dial))
	case "mysql":
		database, err = mysql.Open(t.dsn, mysql.Dial(t.dial), t.callers)
	default:
		database, err = sqlite.Open(t.dsn)
	}
	if err == nil {
		return database, nil
	}
	if t.callers {
		return nil, backend.Invalid("dsn", "%v", err)
	}
	return nil, fmt.Errorf("the connection's DSN: %w", err)
}

func (p *pools) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var failed []error
	for _, database := range p.open {
		failed = append(failed, database.Close())
	}
	clear(p.open)
	return errors.Join(failed...)
}
