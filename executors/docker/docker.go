// Package docker implements docker_executor. It is not a stable API.
// The executor runs a command in a container with few rights and removes the
// container when the call ends.
package docker

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/shorten"
)

//go:embed definition.yaml
var definition embed.FS

// Executor is docker_executor. It keeps a connection to the engine; Close
// closes it.
type Executor struct {
	executors.Executor
	engines engines
}

// New returns the executor. It connects to the engine on the first call.
func New() *Executor {
	e := new(Executor)
	e.Executor = executors.New(executors.MustLoad(definition), e.run)
	return e
}

// Close closes the connections to the engine.
func (e *Executor) Close() error { return e.engines.close() }

// Reap implements executors.Reaper.
func (e *Executor) Reap(ctx context.Context, pol *policy.Policy, runID string) error {
	engine, err := e.engines.at(pol.DockerHost())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, removeFor)
	defer cancel()
	if runID == "" {
		engine.sweep(ctx)
		return nil
	}
	return engine.endAll(ctx, labelRun, runID)
}

// Input holds the inputs of a call.
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
	Timeout    float64           `json:"timeout"` // applied by the registry
}

type resources struct {
	CPU    any    `json:"cpu"`
	Memory string `json:"memory"`
}

// Output is the exit code and the output of the container.
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
	Warnings    []string `json:"warnings,omitempty"` // name the outputs that are not UTF-8
}

type logs struct {
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
}

// fit cuts the outputs to the room for them as JSON, in bytes: the registry
// would drop a larger result. A short output is not cut.
func (o *Output) fit(room int) {
	cut := func(text *string, room int) {
		if end := plainjson.Fit(*text, room); end < len(*text) {
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

func escapedSize(text string) int { return len(plainjson.AppendString(nil, text)) }

// maxOutput is the limit of each output in bytes, unless policy sets a lower one.
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
	options, err := plan(ctx, call, in)
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
	engine.sweep(ctx)
	if call.IdempotencyKey != "" { // of an attempt whose server was killed
		if err := engine.endAll(ctx, labelCall, call.IdempotencyKey); err != nil {
			return nil, notBegun(failure(ctx, err))
		}
	}
	begin := time.Now()
	options.Name = "chainwright-" + strings.ToLower(rand.Text())
	created, err := engine.ContainerCreate(ctx, options)
	if err != nil {
		_ = engine.remove(options.Name) // it may exist although the response was lost
		return nil, notBegun(failure(ctx, err))
	}
	out := &Output{ContainerID: created.ID, Image: in.Image, Command: options.Config.Cmd, ExitCode: -1}
	err = engine.watch(ctx, call, out, outputCap(call.Policy.Limits()), web.OutputRoom(call.Policy.Limits(), "docker_executor"))
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

// failure converts an error to the executor's error.
func failure(ctx context.Context, err error) error {
	var typed *executors.Error
	var network net.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &typed):
		return typed
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return executors.Errorf(executors.TimeoutError, "the container was killed: timeout").WithHint("set a longer timeout")
	case ctx.Err() != nil:
		return executors.Errorf(executors.Cancelled, "the container was killed: the call was cancelled")
	case client.IsErrConnectionFailed(err):
		return executors.Errorf(executors.NetworkError, "connecting to the container engine failed: %w", err).WithHint("the operator sets its address with policy.docker.host")
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) {
		return executors.Errorf(executors.NetworkError, "the connection to the container engine broke: %w", err)
	}
	return executors.Errorf(executors.ExecutionError, "the container engine: %w", err)
}

// notBegun marks a network error as retryable, because no container was started.
func notBegun(err error) error {
	if failed := executors.AsError(err); failed.Type == executors.NetworkError {
		return failed.Retry(0)
	}
	return err
}

// left returns the error of a call whose container could not be removed.
func left(err error, id string, why error) error {
	failed := executors.Errorf(executors.ExecutionError, "removing the container failed: %w", why)
	if err != nil {
		failed = executors.AsError(err)
	}
	return failed.WithHint("the container " + id + " still exists; the next call removes it")
}

// killed is the exit code after SIGKILL: 128 plus the number of the signal.
const killed = 137

// ended returns the error for an exit code other than 0.
func ended(out *Output) error {
	text := "the container ended with exit code " + strconv.FormatInt(out.ExitCode, 10)
	switch {
	case out.OutOfMemory:
		text = "the container exceeded its memory limit"
	case out.ExitCode == killed: // some engines do not report the reason
		text += ": it was killed, by the memory limit or by another process"
	}
	if said := shorten.LastLine(out.Logs.Stderr, 300); said != "" {
		text += ": " + said
	}
	failed := executors.Errorf(executors.ExecutionError, "%s", text).WithCode(strconv.FormatInt(out.ExitCode, 10))
	failed.Exited = true
	if out.ExitCode == killed {
		return failed.WithHint("set a higher resources.memory")
	}
	return failed
}
