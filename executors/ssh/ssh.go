// Package ssh implements ssh_executor. It is not a stable API.
// The executor runs a command on another host and copies files in both
// directions. It always verifies the host key, pools connections, and stops
// remote processes when the call ends.
package ssh

import (
	"context"
	"embed"
	"errors"
	"time"

	"github.com/chainwright/chainwright/executors"
)

//go:embed definition.yaml
var definition embed.FS

// Executor is ssh_executor. It pools connections; Close closes them.
type Executor struct {
	executors.Executor
	pool *pool
}

// New returns the executor. It connects on the first call.
func New() *Executor {
	e := &Executor{pool: newPool()}
	e.Executor = executors.New(executors.MustLoad(definition), e.run)
	return e
}

// Close closes the pooled connections.
func (e *Executor) Close() error { return e.pool.close() }

// Input holds the inputs of a call.
type Input struct {
	Host          string            `json:"host"`
	Port          int               `json:"port"`
	Username      string            `json:"username"`
	Password      string            `json:"password"`
	KeyFile       string            `json:"key_file"`
	KeyPassphrase string            `json:"key_passphrase"`
	KnownHosts    string            `json:"known_hosts"`
	Jump          string            `json:"jump"`
	Command       any               `json:"command"` // a string, or a list of strings
	Stdin         string            `json:"stdin"`
	Env           map[string]string `json:"env"`
	Upload        []upload          `json:"upload"`
	Download      []download        `json:"download"`
	Timeout       float64           `json:"timeout"` // applied by the registry
}

// Output is the result of the command and the copied files.
type Output struct {
	Success    bool         `json:"success"`
	Command    string       `json:"command"`
	Stdout     string       `json:"stdout"`
	Stderr     string       `json:"stderr"`
	ReturnCode int          `json:"return_code"`
	Host       string       `json:"host"`
	Username   string       `json:"username"`
	DurationMS float64      `json:"duration_ms"`
	Truncated  bool         `json:"truncated"`
	Warnings   []string     `json:"warnings,omitempty"` // name the outputs that are not UTF-8
	Uploaded   []uploaded   `json:"uploaded,omitempty"`
	Downloaded []downloaded `json:"downloaded,omitempty"`
}

// run runs one call. After an error, the output is nil only if there was no
// connection.
func (e *Executor) run(ctx context.Context, call *executors.Call, in Input) (*Output, error) {
	line, err := commandLine(in.Command)
	if err != nil {
		return nil, err
	}
	variables, err := exports(in.Env)
	if err != nil {
		return nil, err
	}
	if line == "" && len(in.Upload) == 0 && len(in.Download) == 0 {
		return nil, invalid("command", "is required unless upload or download is set")
	}
	files, err := openFiles(call.Policy, in)
	if err != nil {
		return nil, err
	}
	defer files.close()
	to, err := aim(call.Policy, in)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	cmd := command{line: line, variables: variables, stdin: in.Stdin, limit: outputCap(call.Policy.Limits()), call: call}
	out := &Output{Command: line, Host: in.Host, Username: to.user, ReturnCode: -1}
	connected, err := e.attempt(ctx, to, files, cmd, out)
	if errors.Is(err, errNotBegun) && ctx.Err() == nil { // the host had closed the pooled connection
		connected, err = e.attempt(ctx, to, files, cmd, out)
	}
	out.DurationMS = float64(time.Since(begin).Microseconds()) / 1000
	if out.Success = err == nil; err == nil {
		return out, nil
	}
	failed := executors.AsError(to.failure(ctx, err))
	if failed.Type == executors.NetworkError && (!connected || line == "" || errors.Is(err, errNotBegun)) {
		failed.Retry(0) // no command was run, so copying the files again is safe
	}
	if !connected {
		return nil, failed
	}
	return out, failed
}

// attempt runs the call over a pooled connection and discards the connection if
// it is broken.
func (e *Executor) attempt(ctx context.Context, to *target, files *files, cmd command, out *Output) (connected bool, err error) {
	connection, release, err := e.pool.acquire(ctx, to)
	if err != nil {
		return false, err
	}
	defer release()
	if err = work(ctx, connection, files, cmd, out); errors.Is(err, errNotBegun) {
		e.pool.discard(to.key(), connection)
	}
	return true, err
}

// work uploads, runs the command and downloads, in this order.
func work(ctx context.Context, to *connection, files *files, cmd command, out *Output) error {
	if err := files.send(ctx, to, out); err != nil {
		return err
	}
	if cmd.line == "" {
		out.ReturnCode = 0
	} else if err := cmd.run(ctx, to, out); err != nil {
		return err
	}
	return files.fetch(ctx, to, out)
}
