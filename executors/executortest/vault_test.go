package executortest

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// echoing is an executor that returns its inputs, and reports them as progress.
func echoing(def *executors.Definition) executors.Executor {
	return executors.New(def, func(_ context.Context, call *executors.Call, in input) (output, error) {
		call.Progress(executors.Progress{Message: "at " + Echo(in.Name)})
		return output{Echo(in.Name), 1}, errors.New(Echo(in.Name))
	})
}

func TestVaultHidesTheSecret(t *testing.T) {
	t.Parallel()
	vault := NewVault(t, policy.Config{}, policy.Secret{Executors: []string{"greeting_executor"}}, echoing(load(t)))
	outcome := vault.Call("greeting_executor", map[string]any{"name": Hole})
	if n := strings.Count(string(outcome.Result), "[secret]"); n != 13 {
		t.Errorf("%d of 13: %s", n, outcome.Result)
	}
	if outcome.Err == nil || !strings.Contains(vault.Progress(), "[secret]") {
		t.Errorf("%+v, %s", outcome.Err, vault.Progress())
	}
}

// probe is a test that counts its failures.
type probe struct {
	testing.TB
	failures int
}

func (p *probe) Helper()               {}
func (p *probe) Errorf(string, ...any) { p.failures++ }

func TestCheckHiddenFindsTheSecret(t *testing.T) {
	t.Parallel()
	for line := range strings.Lines(Echo(Secret)) {
		p := &probe{TB: t}
		if CheckHidden(p, "it", line); p.failures != 1 {
			t.Errorf("not found in %s", line)
		}
	}
	p := &probe{TB: t}
	if CheckHidden(p, "it", "[secret] and others"); p.failures != 0 {
		t.Error("found in what hides it")
	}
}

func TestEchoScript(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skipf("not installed: %v", err)
	}
	cmd := exec.Command(shell, "-c", EchoScript)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "KEY=" + Secret}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{out.String(), errs.String()} {
		parts := strings.Split(strings.ReplaceAll(text, "\nerr ", "\nout "), "\nout ")
		if len(parts) != 5 {
			t.Errorf("%q", parts)
		}
		for _, part := range parts {
			p := &probe{TB: t}
			if CheckHidden(p, "it", part); p.failures != 1 {
				t.Errorf("not found in %s", part)
			}
		}
	}
}
