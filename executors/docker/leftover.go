package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/chainwright/chainwright/executors"
)

// The labels of a container. By them, leftovers are found.
const (
	labelOwner  = "chainwright.owner"  // host and process of the server
	labelServer = "chainwright.server" // another random text for each process
	labelUntil  = "chainwright.until"  // seconds since 1970; only if it is to be removed
	labelRun    = "chainwright.run"
	labelTask   = "chainwright.task"
	labelCall   = "chainwright.call" // the same for all attempts at the same work
)

// server names this process.
var server = sync.OnceValue(rand.Text)

// labels returns the labels of a container. One that is kept on purpose has no
// deadline.
func labels(ctx context.Context, call *executors.Call, remove bool) map[string]string {
	out := map[string]string{
		labelOwner: owner(), labelServer: server(), labelRun: call.RunID, labelTask: call.TaskID, labelCall: call.IdempotencyKey,
	}
	if remove {
		until := time.Now().Add(time.Hour)
		if deadline, ok := ctx.Deadline(); ok {
			until = deadline
		}
		out[labelUntil] = strconv.FormatInt(until.Add(time.Minute).Unix(), 10)
	}
	return out
}

func owner() string {
	name, _ := os.Hostname()
	return name + "/" + strconv.Itoa(os.Getpid())
}

// endAll ends the containers with a label that other processes started.
func (e *engine) endAll(ctx context.Context, label, value string) error {
	found, err := e.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", label+"="+value)})
	if err != nil {
		return err
	}
	var failed []error
	for _, each := range found.Items {
		if each.Labels[labelServer] != server() {
			failed = append(failed, e.end(ctx, &each))
		}
	}
	return errors.Join(failed...)
}

// end removes a container. One that is kept on purpose is killed.
func (e *engine) end(ctx context.Context, c *container.Summary) error {
	if _, remove := c.Labels[labelUntil]; remove {
		return e.remove(c.ID)
	}
	if c.State == container.StateExited || c.State == container.StateDead {
		return nil
	}
	_, err := e.ContainerKill(ctx, c.ID, client.ContainerKillOptions{Signal: "KILL"})
	if errdefs.IsNotFound(err) || errdefs.IsConflict(err) { // it is gone, or does not run
		return nil
	}
	return err
}

// sweep ends leftover containers of ended servers: those past their deadline,
// and those of a process on this machine that no longer runs.
func (e *engine) sweep(ctx context.Context) {
	e.mu.Lock()
	due := time.Since(e.swept) >= sweepEvery
	if due {
		e.swept = time.Now()
	}
	e.mu.Unlock()
	if !due {
		return
	}
	found, err := e.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", labelOwner)})
	if err != nil {
		return // the call itself will report the error
	}
	for _, each := range found.Items {
		if leftOver(each.Labels, time.Now()) {
			_ = e.end(ctx, &each)
		}
	}
}

func leftOver(labels map[string]string, now time.Time) bool {
	if until, given := labels[labelUntil]; given {
		end, err := strconv.ParseInt(until, 10, 64)
		if err != nil {
			return false // not a container of chainwright
		}
		if now.Unix() > end {
			return true
		}
	}
	host, process, _ := strings.Cut(labels[labelOwner], "/")
	name, err := os.Hostname()
	id, idErr := strconv.Atoi(process)
	return err == nil && idErr == nil && host == name && !alive(id)
}

// alive reports whether a process runs, as far as the system can tell.
func alive(id int) bool {
	process, err := os.FindProcess(id)
	if err != nil || runtime.GOOS == "windows" {
		return err == nil
	}
	return !errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone)
}
