package docker

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/process"
	"github.com/chainwright/chainwright/executors/policy"
)

const (
	// removeFor is the time limit to remove a container. It does not depend on
	// the call's own timeout.
	removeFor = 10 * time.Second
	// outputFor is how long to wait for output after the container has ended.
	outputFor = 2 * time.Second
	// sweepEvery is the minimum interval between searches for all leftover
	// containers.
	sweepEvery = 30 * time.Second
)

var errNoEnd = errors.New("the output did not end")

// engines holds one client per address of a container engine. There is more
// than one only if the configuration changes.
type engines struct {
	mu     sync.Mutex
	open   map[string]*engine
	closed bool
}

type engine struct {
	*client.Client
	mu    sync.Mutex
	swept time.Time
	owed  []string // containers still to be removed
}

func (e *engines) at(host string) (*engine, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, executors.Errorf(executors.Cancelled, "the server is shutting down")
	}
	if known := e.open[host]; known != nil {
		return known, nil
	}
	options := []client.Opt{client.FromEnv}
	if host != "" {
		options = append(options, client.WithHost(host))
	}
	made, err := client.New(options...)
	if err != nil {
		return nil, executors.Errorf(executors.ExecutionError, "the container engine's configuration is invalid: %w", err)
	}
	if e.open == nil {
		e.open = map[string]*engine{}
	}
	e.open[host] = &engine{Client: made}
	return e.open[host], nil
}

func (e *engines) close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	var failed []error
	for _, each := range e.open {
		each.settle()
		failed = append(failed, each.Close())
	}
	clear(e.open)
	return errors.Join(failed...)
}

// guardSocket refuses mounts that contain a socket of a container engine:
// access to the socket is control over the machine.
func (e *engine) guardSocket(mounts []mount.Mount) error {
	sockets := []string{"/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock"}
	if socket, ok := strings.CutPrefix(e.DaemonHost(), "unix://"); ok {
		sockets = append(sockets, socket)
	}
	for _, socket := range sockets {
		if real, err := filepath.EvalSymlinks(socket); err == nil {
			socket = real
		}
		for _, each := range mounts {
			if rel, err := filepath.Rel(each.Source, socket); err == nil && filepath.IsLocal(rel) {
				return &policy.Denied{Field: "volumes", Message: each.Source + " is not allowed: it contains the socket of a container engine"}
			}
		}
	}
	return nil
}

// image pulls the image if necessary.
func (e *engine) image(ctx context.Context, name, pull string) error {
	if pull != "always" {
		_, err := e.ImageInspect(ctx, name)
		if err == nil || !errdefs.IsNotFound(err) {
			return err
		}
		if pull == "never" {
			return executors.Errorf(executors.NotFound, "the engine has no image %s", name).WithField("image").WithHint("set pull to missing")
		}
	}
	pulling, err := e.ImagePull(ctx, name, client.ImagePullOptions{})
	if err == nil {
		err = pulling.Wait(ctx)
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil, client.IsErrConnectionFailed(err):
		return err
	case errdefs.IsNotFound(err):
		return executors.Errorf(executors.NotFound, "the image %s does not exist: %w", name, err).WithField("image")
	}
	return executors.Errorf(executors.NetworkError, "pulling the image %s failed: %w", name, err).WithField("image")
}

// watch starts a container, waits for its end and reads its output.
func (e *engine) watch(ctx context.Context, call *executors.Call, out *Output, limit, room int) error {
	attached, err := e.ContainerAttach(ctx, out.ContainerID, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return err
	}
	stdout, stderr := &process.Buffer{Limit: limit, Also: call.Output()}, &process.Buffer{Limit: limit, Also: call.Output()}
	stream := &frames{from: attached.Reader}
	copied := make(chan error, 1)
	go func() {
		_, err := stdcopy.StdCopy(stdout, stderr, stream)
		copied <- err
	}()
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	wait := e.ContainerWait(waiting, out.ContainerID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	_, err = e.ContainerStart(ctx, out.ContainerID, client.ContainerStartOptions{})
	if err == nil {
		select {
		case ended := <-wait.Result:
			out.ExitCode = ended.StatusCode
			if ended.Error != nil {
				err = errors.New(ended.Error.Message)
			}
		case err = <-wait.Error:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	var copyErr error
	over := false
	if err == nil {
		select {
		case copyErr = <-copied:
			over = true
		case <-time.After(outputFor):
		}
	}
	attached.Close()
	if !over {
		copyErr = errors.Join(errNoEnd, <-copied)
	}
	out.Logs = logs{stdout.Text(), stderr.Text()}
	out.Truncated = stdout.Truncated() || stderr.Truncated() || err == nil && copyErr != nil // output may be missing
	out.Warnings = process.NotUTF8(stdout, stderr)
	out.fit(room)
	switch {
	case err != nil:
		return err
	case stream.within() && ctx.Err() != nil: // the client closes the stream at the deadline
		return ctx.Err()
	case stream.within():
		return executors.Errorf(executors.NetworkError, "the container engine: the container ended with exit code %d, but its output is incomplete: %w", out.ExitCode, copyErr)
	case out.ExitCode == 0:
		return nil
	}
	if out.ExitCode == killed {
		out.OutOfMemory = e.outOfMemory(ctx, out.ContainerID)
	}
	return ended(out)
}

// outOfMemory reports whether the kernel killed a container at its memory limit.
// The engine learns that separately from the end and maybe later, so it is
// queried for up to half a second.
func (e *engine) outOfMemory(ctx context.Context, id string) bool {
	for range 10 {
		seen, err := e.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
		if err != nil || seen.Container.State == nil {
			return false
		}
		if seen.Container.State.OOMKilled {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
	return false
}

// remove kills and removes a container. It has its own time limit, because the
// call's may have passed. A container that can't be removed is added to owed.
func (e *engine) remove(id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), removeFor)
	defer cancel()
	_, err := e.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err == nil || errdefs.IsNotFound(err) {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.owed = append(e.owed, id)
	return err
}

// settle removes the containers that could not be removed earlier.
func (e *engine) settle() {
	e.mu.Lock()
	owed := e.owed
	e.owed = nil
	e.mu.Unlock()
	for i, id := range owed {
		if e.remove(id) != nil { // the others would fail, too
			e.mu.Lock()
			e.owed = append(e.owed, owed[i+1:]...)
			e.mu.Unlock()
			return
		}
	}
}
