package ssh_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/executortest/peers"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/ssh"
)

// childCall names the environment variable that makes the test program call a
// command until it is killed.
const childCall = "CHAINWRIGHT_TEST_SSH_CALL"

// told is what the child is told.
type told struct {
	Host   *peers.SSHD
	Inputs string
}

// callUntilKilled is the child of TestRemoteCommandsEndWithTheServer.
func callUntilKilled(text string) {
	var it told
	if err := json.Unmarshal([]byte(text), &it); err != nil {
		panic(err)
	}
	l := lab{SSHD: it.Host}
	pol, err := policy.New(l.config())
	if err != nil {
		panic(err)
	}
	registry, err := executors.NewRegistry(pol, zerolog.Nop(), ssh.New())
	if err != nil {
		panic(err)
	}
	inputs, refused := registry.ResolveInputs("ssh_executor", json.RawMessage(it.Inputs))
	if refused != nil {
		panic(refused)
	}
	out := registry.Invoke(context.Background(), "ssh_executor", &executors.Call{Inputs: inputs, Attempt: 1}, 0)
	fmt.Fprintf(os.Stderr, "the call ended: %s, %v\n", out.Result, out.Err)
}

// After kill -9 of the server the host ends the command, with all that it
// started, also if it ignores SIGTERM or has input left.
func TestRemoteCommandsEndWithTheServer(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for i, c := range []struct{ name, command, more string }{
		{"one process", "sleep %s", ""},
		{"children", "sleep %[1]s & sleep %[1]s; wait", ""},
		{"SIGTERM is ignored", "trap '' TERM; sleep %[1]s; sleep %[1]s", ""},
		{"input that nobody reads", "sleep %s", `, "stdin": "line 1\n\u0000line 2", "env": {"A": "b"}`},
		{"a login shell that does not exec", "sleep %s; true", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			word := fmt.Sprintf("31%d", 8100+i)
			inputs := fmt.Sprintf(`{"host": "web01", "command": %q, "timeout": 600%s}`, fmt.Sprintf(c.command, word), c.more)
			text, err := json.Marshal(told{l.SSHD, inputs})
			if err != nil {
				t.Fatal(err)
			}
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), childCall+"="+string(text))
			child.Stderr = os.Stderr
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			executortest.Await(t, "the command", func() bool { return running(t, word) })
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = child.Wait()
			executortest.Await(t, "its end", func() bool { return !running(t, word) })
		})
	}
}

// What a command leaves behind on purpose outlives it.
func TestRemoteDaemonsStay(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	out, err := l.call(t.Context(), `{"host": "web01", "command": "nohup sleep 318200 >/dev/null 2>&1 & echo $!"}`)
	executortest.Await(t, "the daemon", func() bool { return running(t, "318200") })
	if err != nil {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := l.call(t.Context(), `{"host": "web01", "command": "pkill -x -f 'sleep 318200'"}`); err != nil {
		t.Error(err)
	}
}

// config is the policy of the lab.
func (l *lab) config() policy.Config {
	return policy.Config{
		SSH: policy.SSH{Hosts: []string{"web01", fmt.Sprintf("%s:%d", l.Host, l.Port)}},
		Connections: map[string]policy.Connection{
			"web01": {Kind: "ssh", Host: l.Host, Port: l.Port, User: l.User, KeyFile: l.Key, KnownHosts: l.KnownHosts},
		},
		Files: policy.Files{Roots: map[string]policy.Root{"keys": {Path: filepath.Dir(l.Key)}}},
	}
}
