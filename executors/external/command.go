package external

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/process"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
)

// grace is the time between asking a program to stop and killing it.
const grace = 5 * time.Second

// maxAnswer is the largest answer in bytes, unless policy sets another limit.
const maxAnswer = 10 << 20

// errTooLong is the cause with which a program is stopped when its answer
// exceeds the limit.
var errTooLong = errors.New("the answer is too long")

// command runs a program for each call. The inputs are written to its
// standard input and the answer is read from its standard output.
type command struct {
	def  *executors.Definition
	path string
	args []string
	dir  string
	env  map[string]string
	pass []string
	// trusted are checked again at each call.
	trusted []policy.Trusted
}

func newCommand(l *loading) ([]executors.Executor, error) {
	var section struct {
		Command []string          `json:"command"`
		Env     map[string]string `json:"env"`
		PassEnv []string          `json:"pass_env"`
	}
	if err := l.bindRun(&section); err != nil {
		return nil, err
	}
	c, err := l.command(section.Command, section.Env, section.PassEnv)
	if err != nil {
		return nil, err
	}
	return []executors.Executor{c}, nil
}

// command finds the program and fails if callers could change it.
func (l *loading) command(words []string, env map[string]string, pass []string) (*command, error) {
	c := &command{def: l.def, args: words[1:], dir: filepath.Dir(l.path), env: env, pass: pass}
	for i, word := range words {
		if strings.ContainsRune(word, 0) {
			return nil, l.section.Errorf([]string{"command", strconv.Itoa(i)}, "run.command[%d] contains a NUL byte", i)
		}
	}
	var err error
	if c.path, err = l.program(words[0]); err != nil {
		return nil, err
	}
	for i, word := range c.args {
		if err := l.argument(i+1, word); err != nil {
			return nil, err
		}
	}
	c.trusted = l.trusted
	return c, nil
}

// program returns the path of the program. A name with a slash is relative to
// the definition; a bare name is looked up in PATH.
func (l *loading) program(name string) (string, error) {
	key := []string{"command", "0"}
	if strings.ContainsAny(name, `/\`) {
		path, err := l.beside(key, name)
		if err != nil {
			return "", err
		}
		if path, err = exec.LookPath(path); err != nil {
			return "", l.section.Errorf(key, "the program %s: %w", name, bare(err))
		}
		return path, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", l.section.Errorf(key, "the program %s: %w; if the program is next to this file, write ./%s", name, bare(err), name)
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", l.section.Errorf(key, "the program %s: %w", name, err)
	}
	if err := l.trust(key, path); err != nil {
		return "", err
	}
	return path, nil
}

func bare(err error) error {
	var wrapped *exec.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// argument fails if an argument is a file that callers may write: most likely
// it is the script that runs.
func (l *loading) argument(i int, word string) error {
	path := word
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(l.path), path)
	}
	if _, err := os.Stat(path); err != nil {
		return nil // not a file
	}
	return l.trust([]string{"command", strconv.Itoa(i)}, path)
}

// Definition returns the definition from the file.
func (c *command) Definition() *executors.Definition { return c.def }

// Execute runs the program once.
func (c *command) Execute(ctx context.Context, call *executors.Call) (any, error) {
	if err := checkTrusted(call, c.trusted); err != nil {
		return nil, err
	}
	question, err := ask(ctx, c.def, call)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	most := answerLimit(call, c.def.ID)
	var written atomic.Int64
	notes := newNotes(call)
	result, err := process.Run(ctx, process.Spec{
		Path: c.path, Args: c.args, Dir: c.dir, Env: c.environment(), Stdin: question, Cap: most + 1, Grace: grace,
		Stdout: func(piece []byte) {
			if written.Add(int64(len(piece))) > int64(most) {
				stop(errTooLong)
			}
		},
		Stderr: notes.write,
	})
	var start *process.StartError
	switch {
	case errors.As(err, &start):
		return nil, executors.Errorf(executors.ExecutionError, "the program of %s can't be started: %w", c.def.ID, err)
	case written.Load() > int64(most):
		return nil, executors.Errorf(executors.ExecutionError, "%s wrote more than %d bytes and was stopped", c.def.ID, most).
			WithHint("the operator can raise policy.limits.executors." + c.def.ID + ".output_bytes")
	case err != nil: // the context ended: keep what the program had written
		output, _, _ := readAnswer(c.def, result.Stdout.Bytes)
		return output, err
	}
	return outcome(c.def, result, notes.last())
}

// checkTrusted fails if callers could have changed a file since it was loaded.
func checkTrusted(call *executors.Call, list []policy.Trusted) error {
	for _, t := range list {
		if err := call.Policy.CheckTrusted(t); err != nil {
			return err
		}
	}
	return nil
}

// environment returns the base environment of every program, then the server
// variables in pass_env, then the variables in env.
func (c *command) environment() []string {
	base := process.Environment()
	list := append(base[:len(base):len(base)], "PYTHONUTF8=1") // answers must be UTF-8 on every system
	for _, name := range c.pass {
		if value, ok := os.LookupEnv(name); ok {
			list = append(list, name+"="+value)
		}
	}
	for _, name := range sortedKeys(c.env) {
		list = append(list, name+"="+c.env[name])
	}
	return list
}

// answerLimit returns the largest answer in bytes.
func answerLimit(call *executors.Call, id string) int {
	limits := call.Policy.Limits()
	most := int64(maxAnswer)
	for _, bytes := range []int64{limits.OutputBytes, limits.Executors[id].OutputBytes} {
		if bytes > 0 {
			most = bytes
		}
	}
	return int(most)
}

// question is the JSON that a program reads from its standard input.
type question struct {
	Inputs  map[string]any `json:"inputs"`
	Context callContext    `json:"context"`
}

type callContext struct {
	Executor     string                    `json:"executor"`
	RunID        string                    `json:"run_id"`
	TaskID       string                    `json:"task_id"`
	Attempt      int                       `json:"attempt"`
	Idempotency  string                    `json:"idempotency_key,omitempty"`
	Seconds      float64                   `json:"timeout_seconds"`
	Dependencies map[string]dependencyView `json:"dependencies,omitempty"`
}

type dependencyView struct {
	Status string          `json:"status"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
}

func ask(ctx context.Context, def *executors.Definition, call *executors.Call) (string, error) {
	q := question{Inputs: call.Inputs, Context: callContext{
		Executor: def.ID, RunID: call.RunID, TaskID: call.TaskID, Attempt: call.Attempt,
		Idempotency: call.IdempotencyKey, Seconds: def.Timeout.Default.Seconds(),
	}}
	if q.Inputs == nil {
		q.Inputs = map[string]any{}
	}
	if end, ok := ctx.Deadline(); ok {
		q.Context.Seconds = float64(time.Until(end).Milliseconds()) / 1000
	}
	for id, each := range call.Dependencies {
		if q.Context.Dependencies == nil {
			q.Context.Dependencies = map[string]dependencyView{}
		}
		q.Context.Dependencies[id] = dependencyView(each)
	}
	text, err := plainjson.Marshal(q)
	if err != nil {
		return "", fmt.Errorf("writing the inputs of %s: %w", def.ID, err)
	}
	return string(text) + "\n", nil
}
