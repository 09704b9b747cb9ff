package policy

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

var errPending = errors.New("policy: being built")

// TransportOptions choose one of the shared transports.
type TransportOptions struct {
	// InsecureSkipVerify accepts any certificate.
	InsecureSkipVerify bool
}

// Open reports whether a need is open, and the setting that opens it.
func (p *Policy) Open(need string) (setting string, open bool) { return "policy." + need, false }

// DialContext dials an address that a caller gave.
func (p *Policy) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return nil, errPending
}

// Transport returns the shared, pooled, guarded transport.
func (p *Policy) Transport(opts TransportOptions) http.RoundTripper { return http.DefaultTransport }

// CheckURL parses a URL that a caller gave.
func (p *Policy) CheckURL(raw string) (*url.URL, error) { return url.Parse(raw) }

// Program says which program may be started for a name and arguments.
func (p *Policy) Program(name string, args []string) (path string, err error) { return "", errPending }

// Shell returns the machine's shell where the operator opened it.
func (p *Policy) Shell() (path string, ok bool) { return "", false }

// OpenRead opens a regular file inside a root.
func (p *Policy) OpenRead(path string) (*os.File, fs.FileInfo, error) { return nil, nil, errPending }

// WriteMode is what writing does to a file that is there.
type WriteMode string

// The modes of writing.
const (
	Create    WriteMode = "create"    // refuse if the file exists
	Overwrite WriteMode = "overwrite" // replace it atomically
	Append    WriteMode = "append"    // add to its end
)

// FileWriter takes the content of one file. Exactly one of Commit and Abort
// ends it; Abort after Commit does nothing, so that it can be deferred.
type FileWriter struct{}

// Write takes the next bytes.
func (w *FileWriter) Write(b []byte) (int, error) { return 0, errPending }

// Commit makes the content durable and puts it in its place.
func (w *FileWriter) Commit() error { return errPending }

// Abort throws the content away.
func (w *FileWriter) Abort() {}

// Path is the file's absolute path.
func (w *FileWriter) Path() string { return "" }

// OpenWrite starts writing a file inside a root that may be written.
func (p *Policy) OpenWrite(path string, mode WriteMode) (*FileWriter, error) {
	return nil, errPending
}

// WriteFile writes a whole file and returns its absolute path.
func (p *Policy) WriteFile(path string, data []byte, mode WriteMode) (string, error) {
	return "", errPending
}

// FilePath returns the absolute path of a file inside a root, for libraries
// that open files by name themselves (SQLite).
func (p *Policy) FilePath(path string, write bool) (string, error) { return "", errPending }

// Dir returns the absolute path of a folder inside a root.
func (p *Policy) Dir(path string) (string, error) { return "", errPending }

// Connection returns what the operator configured under a name.
func (p *Policy) Connection(name string) (Connection, error) { return Connection{}, errPending }

// Connections lists the names of the connections of the kinds, in order.
func (p *Policy) Connections(kinds ...string) []string { return nil }

// DSN returns the DSN of a named connection, from its variable where it has one.
func (p *Policy) DSN(name string) (string, error) { return "", errPending }

// Password returns the password of a named connection; empty where it has none.
func (p *Policy) Password(name string) (string, error) { return "", errPending }

// SSHHost refuses a host that is not open.
func (p *Policy) SSHHost(name string) error { return errPending }

// DockerImage refuses an image that is not open.
func (p *Policy) DockerImage(image string) error { return errPending }

// Secret returns a secret for an executor and the host (a URL, host or
// host:port) that its call goes to; the host is empty where it goes nowhere.
func (p *Policy) Secret(name, executor, host string) (string, error) { return "", errPending }

// SecretNames lists the names of the secrets, in order.
func (p *Policy) SecretNames() []string { return nil }

// Redact replaces every secret value in b, in all its usual spellings.
func (p *Policy) Redact(b []byte) []byte { return b }

// RedactString is Redact for strings.
func (p *Policy) RedactString(s string) string { return s }

// Line is one line of the audit trail: who did what, where to, and how it ended.
type Line struct {
	Time       time.Time `json:"time"`
	Principal  string    `json:"principal,omitempty"`
	Executor   string    `json:"executor"`
	RunID      string    `json:"run_id,omitempty"`
	TaskID     string    `json:"task_id,omitempty"`
	Attempt    int       `json:"attempt,omitempty"`
	Target     string    `json:"target,omitempty"`
	Effect     string    `json:"effect,omitempty"`
	Status     string    `json:"status"`
	ErrorType  string    `json:"error_type,omitempty"`
	Secrets    []string  `json:"secrets,omitempty"`
	DurationMS float64   `json:"duration_ms"`
}

// Audit adds a line to the trail; it never blocks on the disk.
func (p *Policy) Audit(l Line) {}

// Setting is one line of what is in force.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Opens string `json:"opens,omitempty"`
}

// Describe lists what is in force, for people.
func (p *Policy) Describe() []Setting { return nil }
