//go:build unix

package docker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/docker"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// childHost names the environment variable with the engine's address, which makes
// the test program run a container until it is killed.
const childHost = "CHAINWRIGHT_TEST_DOCKER_HOST"

// toolPolicy opens the image tool:1 of an engine.
func toolPolicy(host string) policy.Config {
	return policy.Config{Docker: policy.Docker{Images: []string{"tool:1"}, Host: host}}
}

// runUntilKilled is the child of killed.
func runUntilKilled(host string) {
	pol, err := policy.New(toolPolicy(host))
	if err != nil {
		panic(err)
	}
	registry, err := executors.NewRegistry(pol, zerolog.Nop(), docker.New())
	if err != nil {
		panic(err)
	}
	inputs, refused := registry.ResolveInputs("docker_executor", json.RawMessage(os.Getenv(childHost+"_INPUTS")))
	if refused != nil {
		panic(refused)
	}
	call := &executors.Call{Inputs: inputs, Attempt: 1, RunID: os.Getenv(childHost + "_RUN"), TaskID: "t", IdempotencyKey: os.Getenv(childHost + "_KEY")}
	out := registry.Invoke(context.Background(), "docker_executor", call, 0)
	fmt.Fprintf(os.Stderr, "the call ended: %s, %v\n", out.Result, out.Err)
}

// killed checks that the container of a server that was killed ends when another
// one takes its run over, when the same work is done again, and when a server
// starts; and that other containers stay.
func killed(t *testing.T, l *lab) {
	registry := executortest.Registry(t, executortest.Policy(t, toolPolicy(l.engine.DaemonHost())), docker.New())
	for _, c := range []struct {
		name, more string
		end        func(run, key string)
		left       container.ContainerState // of one that is kept on purpose
	}{
		{"its run is taken over", "", func(run, _ string) { registry.Reap(t.Context(), "docker_executor", run) }, ""},
		{"its run is taken over, and it is kept", `, "remove": false`, func(run, _ string) { registry.Reap(t.Context(), "docker_executor", run) }, container.StateExited},
		{"a server starts", "", func(_, _ string) {
			executortest.Registry(t, executortest.Policy(t, toolPolicy(l.engine.DaemonHost())), docker.New()).ReapAll(t.Context())
		}, ""},
		{"the same work again", "", func(run, key string) {
			inputs, refused := registry.ResolveInputs("docker_executor", json.RawMessage(`{"image": "tool:1", "command": "echo"}`))
			if refused != nil {
				t.Fatal(refused)
			}
			call := &executors.Call{Inputs: inputs, Attempt: 2, RunID: run, TaskID: "t", IdempotencyKey: key}
			if out := registry.Invoke(t.Context(), "docker_executor", call, 0); out.Err != nil {
				t.Error(out.Err)
			}
		}, ""},
	} {
		run, key := "run of "+c.name, "key of "+c.name
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), childHost+"="+l.engine.DaemonHost(), childHost+"_RUN="+run, childHost+"_KEY="+key,
			childHost+`_INPUTS={"image": "tool:1", "command": ["sleep", "600"], "timeout": 700`+c.more+`}`)
		child.Stderr = os.Stderr
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		l.await(t, c.name+" begins", run, func(all []container.Summary) bool { return len(all) == 1 && all[0].State == container.StateRunning })
		registry.Reap(t.Context(), "docker_executor", "another run")
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait()
		if all := l.of(t, run); len(all) != 1 || all[0].State != container.StateRunning || all[0].Labels["chainwright.task"] != "t" {
			t.Errorf("%s: before: %+v", c.name, all)
		}
		c.end(run, key)
		l.await(t, c.name, run, func(all []container.Summary) bool {
			return c.left == "" && len(all) == 0 || c.left != "" && len(all) == 1 && all[0].State == c.left
		})
		for _, each := range l.of(t, run) {
			if _, err := l.engine.ContainerRemove(t.Context(), each.ID, client.ContainerRemoveOptions{Force: true}); err != nil {
				t.Error(err)
			}
		}
	}
}

// of returns the containers of a run.
func (l *lab) of(t *testing.T, run string) []container.Summary {
	t.Helper()
	found, err := l.engine.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", "chainwright.run="+run)})
	if err != nil {
		t.Fatal(err)
	}
	return found.Items
}

// await waits for a state of the containers of a run.
func (l *lab) await(t *testing.T, what, run string, holds func([]container.Summary) bool) {
	t.Helper()
	executortest.Await(t, what, func() bool { return holds(l.of(t, run)) })
}
