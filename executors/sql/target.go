package sql

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/sql/internal/backend"
)

// place is the address of a database.
type place struct {
	kind string // sqlite, postgres, mysql
	dsn  string // for sqlite: the path
}

// target is a database that the call may use.
type target struct {
	place
	name string // for messages
	dial dialer
	// callers is whether the DSN came from the caller: then no connection is
	// kept.
	callers bool
}

// aim resolves the database of a call and checks that the call may use it.
func aim(pol *policy.Policy, in Input) (target, error) {
	write := in.Mode == "write"
	switch {
	case in.Connection != "" && in.DSN != "":
		return target{}, backend.Invalid("dsn", "is set in addition to connection; set only one")
	case in.Connection != "":
		return named(pol, in.Connection, write)
	case in.DSN != "":
		return callers(pol, in.DSN, write)
	}
	known := "the operator has configured none"
	if names := pol.Connections("sqlite", "postgres", "mysql"); len(names) > 0 {
		known = "the connections are " + strings.Join(names, ", ")
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
		return target{}, backend.Invalid("connection", "%s is of kind %s, which is not a database", name, c.Kind)
	}
	if write && !c.Write {
		return target{}, &policy.Denied{
			Field:   "mode",
			Message: fmt.Sprintf("the connection %s is read-only", name),
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

// named adds the name of the connection to a network error: libraries rarely
// do.
func (t target) named(err error) error {
	var failed *executors.Error
	if errors.As(err, &failed) && failed.Type == executors.NetworkError {
		failed.Message = t.name + ": " + failed.Message
	}
	return err
}

// about sets the field of a refusal that names none.
func about(field string, err error) error {
	var denied *policy.Denied
	if errors.As(err, &denied) && denied.Field == "" {
		denied.Field = field
	}
	return err
}

// callers resolves a DSN from the caller. It is closed unless the operator
// opened it; it is read-only, passes the address guard, and files must be
// inside the roots.
func callers(pol *policy.Policy, dsn string, write bool) (target, error) {
	if err := pol.CallerDSN(); err != nil {
		return target{}, err
	}
	if write {
		return target{}, &policy.Denied{
			Field:   "mode",
			Message: "a database that a caller names by DSN is read-only",
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

// sqlitePath returns the path of a DSN: PATH, sqlite:PATH, sqlite://PATH or
// file:PATH. Options are refused: they could open another file.
func sqlitePath(dsn string) (string, error) {
	path := dsn
	for _, prefix := range []string{"sqlite://", "sqlite:", "file://", "file:"} {
		rest, ok := strings.CutPrefix(dsn, prefix)
		if !ok {
			continue
		}
		if strings.Contains(rest, "?") {
			return "", errors.New("options are not allowed in the DSN of an SQLite file; use the path alone")
		}
		path = rest
		if strings.HasPrefix(prefix, "file") {
			unescaped, err := url.PathUnescape(rest)
			if err != nil {
				return "", fmt.Errorf("the path has an invalid escape: %w", err)
			}
			path = unescaped
		}
		break
	}
	switch {
	case path == "" || path == ":memory:":
		return "", errors.New("a database in memory has nothing to query; name a file")
	case strings.HasPrefix(path, "~/"):
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("finding the home folder: %w", err)
		}
		path = filepath.Join(home, path[2:])
	}
	return path, nil
}

// plainURL parses scheme://user:password@host:port/database?option=value. It
// allows only the options that use nothing of this machine.
func plainURL(dsn string) (*url.URL, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, errors.New("must have the form scheme://user:password@host:port/database")
	}
	if u.Hostname() == "" || strings.ContainsAny(u.Hostname(), "/,") {
		return nil, errors.New("must name one host")
	}
	for name := range u.Query() {
		switch name {
		case "sslmode", "tls", "connect_timeout":
		default:
			return nil, fmt.Errorf("the option %s is not allowed; allowed are sslmode, tls and connect_timeout", name)
		}
	}
	return u, nil
}

// plainPostgres returns a caller's address with every setting that the library
// would otherwise read from this process's environment and files.
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
		{"sslcert", ""}, {"sslkey", ""}, {"sslpassword", ""}, {"options", ""}, {"application_name", "chainwright"}, {"timezone", "UTC"}, {"target_session_attrs", "any"},
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

// placeholder matches what stands for a secret in a DSN.
var placeholder = regexp.MustCompile(`\$+\{\{[^}]*\}\}`)

// Destination implements executors.Sender: the host of a caller's DSN. Named
// connections and files are no host.
func (e *Executor) Destination(_ *policy.Policy, inputs map[string]any) policy.Destination {
	dsn, _ := inputs["dsn"].(string)
	scheme, _, isURL := strings.Cut(dsn, "://")
	if !isURL || scheme == "sqlite" || scheme == "file" {
		return policy.Destination{}
	}
	u, err := url.Parse(placeholder.ReplaceAllString(dsn, "x"))
	if err != nil {
		return policy.DestinationOf("://")
	}
	to, verified := policy.DestinationOf(scheme+"://"+u.Host), "verify-full"
	option := u.Query().Get("sslmode")
	if scheme == "mysql" {
		option, verified = u.Query().Get("tls"), "true"
	}
	to.Plain = option != verified
	return to
}
