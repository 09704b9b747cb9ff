package sql

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/sql/backend"
)

// place is where a database is.
type place struct {
	kind string // sqlite, postgres, mysql
	dsn  string // for sqlite: the path
}

// target is a database that may be used.
type target struct {
	place
	name string // for messages
	dial dialer
	// callers says that the DSN came from the caller: no connection is kept.
	callers bool
}

// aim finds what a call means to query, and whether it may.
func aim(pol *policy.Policy, in Input) (target, error) {
	write := in.Mode == "write"
	switch {
	case in.Connection != "" && in.DSN != "":
		return target{}, backend.Invalid("dsn", "is given beside connection; one is meant")
	case in.Connection != "":
		return named(pol, in.Connection, write)
	case in.DSN != "":
		return callers(pol, in.DSN, write)
	}
	known := "the operator has configured none"
	if names := pol.Connections("sqlite", "postgres", "mysql"); len(names) > 0 {
		known = "known are " + strings.Join(names, ", ")
	}
	return target{}, backend.Invalid("connection", "is required").WithHint("name a configured connection; " + known)
}

func named(pol *policy.Policy, name string, write bool) (target, error) {
	c, err := pol.Connection(name)
	if err != nil {
		return target{}, about("connection", err)
	}
	switch c.Kind {
	case "sqlite", "postgres", "mysql":
	default:
		return target{}, backend.Invalid("connection", "%s is of kind %s, which is no database", name, c.Kind)
	}
	if write && !c.Write {
		return target{}, &policy.Denied{
			Field:   "mode",
			Message: fmt.Sprintf("the connection %s may only read", name),
			Hint:    fmt.Sprintf("set policy.connections.%s.write: true", name),
		}
	}
	dsn, err := pol.DSN(name)
	if err != nil {
		return target{}, about("connection", err)
	}
	if c.Kind == "sqlite" {
		dsn, err = sqlitePath(dsn)
		if err != nil {
			return target{}, executors.Errorf(executors.ExecutionError, "the connection %s: %w", name, err)
		}
	}
	return target{place: place{c.Kind, dsn}, name: "the connection " + name, dial: pol.DialTrusted}, nil
}

// named says in an error of the network whose it is: libraries rarely do.
func (t target) named(err error) error {
	var failed *executors.Error
	if errors.As(err, &failed) && failed.Type == executors.NetworkError {
		failed.Message = t.name + ": " + failed.Message
	}
	return err
}

// about puts the field into a refusal that names none.
func about(field string, err error) error {
	var denied *policy.Denied
	if errors.As(err, &denied) && denied.Field == "" {
		denied.Field = field
	}
	return err
}

// callers is a DSN of the caller's own: off unless the operator opened it,
// for reading only, through the address guard, files inside the roots.
func callers(pol *policy.Policy, dsn string, write bool) (target, error) {
	if err := pol.CallerDSN(); err != nil {
		return target{}, err
	}
	if write {
		return target{}, &policy.Denied{
			Field:   "mode",
			Message: "a database that a caller names by DSN may only be read",
			Hint:    "name a connection that is configured with write: true",
		}
	}
	t := target{dial: pol.DialContext, callers: true}
	scheme, _, _ := strings.Cut(dsn, ":")
	var err error
	switch scheme {
	case "postgres", "postgresql":
		t.kind = "postgres"
		t.dsn, err = plainPostgres(dsn)
	case "mysql":
		t.kind, t.dsn = "mysql", dsn
		_, err = plainURL(dsn)
	case "sqlite", "file":
		t.kind = "sqlite"
		if t.dsn, err = sqlitePath(dsn); err == nil {
			if t.dsn, err = pol.FilePath(t.dsn, false); err != nil {
				return target{}, about("dsn", err)
			}
		}
	default:
		err = errors.New("must begin with sqlite:, postgres:// or mysql://")
	}
	if err != nil {
		return target{}, backend.Invalid("dsn", "%v", err)
	}
	t.name = "the database of the dsn"
	return t, nil
}

// sqlitePath takes the path out of a DSN: PATH, sqlite:PATH, sqlite://PATH or
// file:PATH. Options are not taken: they could open another file.
func sqlitePath(dsn string) (string, error) {
	path := dsn
	for _, prefix := range []string{"sqlite://", "sqlite:", "file://", "file:"} {
		rest, ok := strings.CutPrefix(dsn, prefix)
		if !ok {
			continue
		}
		if strings.Contains(rest, "?") {
			return "", errors.New("options in the DSN of an SQLite file are not taken; give the path alone")
		}
		path = rest
		if strings.HasPrefix(prefix, "file") {
			unescaped, err := url.PathUnescape(rest)
			if err != nil {
				return "", fmt.Errorf("the path has a broken escape: %w", err)
			}
			path = unescaped
		}
		break
	}
	switch {
	case path == "" || path == ":memory:":
		return "", errors.New("a database in memory holds nothing to query; name a file")
	case strings.HasPrefix(path, "~/"):
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("finding the home folder: %w", err)
		}
		path = filepath.Join(home, path[2:])
	}
	return path, nil
}

// plainURL reads scheme://user:password@host:port/database?option=value with
// the few options that concern nothing on this machine.
func plainURL(dsn string) (*url.URL, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, errors.New("is no address of the form scheme://user:password@host:port/database")
	}
	if u.Hostname() == "" || strings.ContainsAny(u.Hostname(), "/,") {
		return nil, errors.New("must name one host")
	}
	for name := range u.Query() {
		switch name {
		case "sslmode", "tls", "connect_timeout":
		default:
			return nil, fmt.Errorf("the option %s is not taken; only sslmode, tls and connect_timeout are", name)
		}
	}
	return u, nil
}

// plainPostgres writes a caller's address with everything said that the
// library would else take from this process's environment and files.
func plainPostgres(dsn string) (string, error) {
	u, err := plainURL(dsn)
	if err != nil {
		return "", err
	}
	password, _ := u.User.Password()
	port := u.Port()
	if port == "" {
		port = "5432"
	}
	settings := [][2]string{
		{"host", u.Hostname()}, {"port", port}, {"user", u.User.Username()}, {"password", password},
		{"dbname", strings.TrimPrefix(u.Path, "/")}, {"passfile", os.DevNull}, {"servicefile", os.DevNull},
		{"sslcert", ""}, {"sslkey", ""}, {"sslpassword", ""}, {"options", ""}, {"application_name", "chainwright"}, {"target_session_attrs", "any"},
		{"sslmode", "prefer"}, {"sslrootcert", ""}, {"krbsrvname", ""},
	}
	for _, name := range []string{"sslmode", "connect_timeout"} {
		if value := u.Query().Get(name); value != "" {
			settings = append(settings, [2]string{name, value})
		}
	}
	if u.User.Username() == "" {
		return "", errors.New("must name a user")
	}
	var out strings.Builder
	for _, s := range settings {
		value := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s[1])
		fmt.Fprintf(&out, "%s='%s' ", s[0], value)
	}
	return out.String(), nil
}
