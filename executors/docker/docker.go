// Package docker is docker_executor: a command in a container that can do
// little beyond computing, and that is gone when the call is.
package docker

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/printed"
	"github.com/chainwright/chainwright/executors/web"
)

//go:embed definition.yaml
var definition embed.FS

// Executor is docker_executor. It keeps a connection to the engine; Close
// ends it.
type Executor struct {
	executors.Executor
	engines engines
}

// New makes the executor. The engine is not asked before the first call.
func New() *Executor {
	e := new(Executor)
	e.Executor = executors.New(executors.MustLoad(definition), e.run)
	return e
}

// Close ends the connections to the engine.
func (e *Executor) Close() error { return e.engines.close() }

// Input is what a call gives.
type Input struct {
	Image      string            `json:"image"`
	Command    any               `json:"command"` // a string, or a list of strings
	Env        map[string]string `json:"env"`
	Volumes    map[string]string `json:"volumes"`
	WorkingDir string            `json:"working_dir"`
	Resources  resources         `json:"resources"`
	Network    string            `json:"network"`
	User       string            `json:"user"`
	Pull       string            `json:"pull"`
	Remove     bool              `json:"remove"`
	Timeout    float64           `json:"timeout"` // applied by the door
}

type resources struct {
	CPU    any    `json:"cpu"`
	Memory string `json:"memory"`
}

// Output is how the container ended, and what it wrote.
type Output struct {
	Success     bool     `json:"success"`
	ContainerID string   `json:"container_id"`
	Logs        logs     `json:"logs"`
	ExitCode    int64    `json:"exit_code"`
	Image       string   `json:"image"`
	Command     []string `json:"command"`
	Truncated   bool     `json:"truncated"`
	OutOfMemory bool     `json:"out_of_memory,omitempty"`
	DurationMS  float64  `json:"duration_ms"`
}

type logs struct {
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
}

// fit cuts what was written to the room that there is for it as JSON: the door
// would drop all of it. What is short stays whole.
func (o *Output) fit(room int) {
	cut := func(text *string, room int) {
		if end := web.EscapedEnd([]byte(*text), room); end < len(*text) {
			*text, o.Truncated = (*text)[:end], true
		}
	}
	first, second := &o.Logs.Stdout, &o.Logs.Stderr
	if len(*second) < len(*first) {
		first, second = second, first
	}
	cut(first, room/2)
	cut(second, room-min(room/2, escapedSize(*first)))
}

func escapedSize(text string) int {
	raw, err := json.Marshal(text)
	if err != nil {
		return len(text)
	}
	return len(raw)
}

// maxOutput is what is kept of each output, unless the policy says less.
const maxOutput = 4 << 20

func outputCap(limits policy.Limits) int {
	limit := int64(maxOutput)
	for _, own := range []int64{limits.OutputBytes, limits.Executors["docker_executor"].OutputBytes} {
		if own > 0 {
			limit = min(limit, own)
		}
	}
	return int(limit)
}

func (e *Executor) run(ctx context.Context, call *executors.Call, in Input) (*Output, error) {
	options, err := plan(ctx, call.Policy, in)
	if err != nil {
		return nil, err
	}
	engine, err := e.engines.at(call.Policy.DockerHost())
	if err != nil {
		return nil, err
	}
	if err := engine.guardSocket(options.HostConfig.Mounts); err != nil {
		return nil, err
	}
	if err := engine.image(ctx, in.Image, in.Pull); err != nil {
		return nil, notBegun(failure(ctx, err))
	}
	engine.settle()
	engine.reap(ctx)
	begin := time.Now()
	options.Name = "chainwright-" + strings.ToLower(rand.Text())
	created, err := engine.ContainerCreate(ctx, options)
	if err != nil {
		_ = engine.remove(options.Name) // it may be there, and the answer was lost
		return nil, notBegun(failure(ctx, err))
	}
	out := &Output{ContainerID: created.ID, Image: in.Image, Command: options.Config.Cmd, ExitCode: -1}
	err = engine.watch(ctx, out, outputCap(call.Policy.Limits()), web.OutputRoom(call.Policy.Limits(), "docker_executor"))
	if in.Remove || err != nil && ctx.Err() != nil {
		if removeErr := engine.remove(created.ID); removeErr != nil {
			err = left(failure(ctx, err), created.ID, removeErr)
		}
	}
	out.DurationMS = float64(time.Since(begin).Microseconds()) / 1000
	if out.Success = err == nil; err != nil {
		return out, failure(ctx, err)
	}
	return out, nil
}

// failure says why a call failed.
func failure(ctx context.Context, err error) error {
	var typed *executors.Error
	var network net.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &typed):
		return typed
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return executors.Errorf(executors.TimeoutError, "the container was ended, as its time was over").WithHint("set timeout to give it more time")
	case ctx.Err() != nil:
		return executors.Errorf(executors.Cancelled, "the container was ended")
	case client.IsErrConnectionFailed(err):
		return executors.Errorf(executors.NetworkError, "the container engine does not answer: %w", err).WithHint("the operator says with policy.docker.host where it is")
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) {
		return executors.Errorf(executors.NetworkError, "the connection to the container engine broke off: %w", err)
	}
	return executors.Errorf(executors.ExecutionError, "the container engine: %w", err)
}

// notBegun says of a failure on the way to the engine that nothing was run.
func notBegun(err error) error {
	if failed := executors.AsError(err); failed.Type == executors.NetworkError {
		return failed.Retry(0)
	}
	return err
}

// left says of a call, failed or not, that its container is still there.
func left(err error, id string, why error) error {
	failed := executors.Errorf(executors.ExecutionError, "the container can't be removed: %w", why)
	if err != nil {
		failed = executors.AsError(err)
	}
	return failed.WithHint("the container " + id + " is still there: the next call removes it")
}

// killed is the exit code of what SIGKILL ended: 128 and the signal's number.
const killed = 137

// ended is the error of a command that ended with another code than 0.
func ended(out *Output) error {
	text := "the container ended with exit code " + strconv.FormatInt(out.ExitCode, 10)
	switch {
	case out.OutOfMemory:
		text = "the container needed more memory than it may have"
	case out.ExitCode == killed: // some engines never hear why the kernel did it
		text += ": it was killed, because it needed more memory than it may have or by somebody who may"
	}
	if said := printed.LastLine(out.Logs.Stderr); said != "" {
		text += ": " + said
	}
	failed := executors.Errorf(executors.ExecutionError, "%s", text).WithCode(strconv.FormatInt(out.ExitCode, 10))
	if out.ExitCode == killed {
		return failed.WithHint("set resources.memory to give it more")
	}
	return failed
}
