package external

import (
	"bytes"
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
	"github.com/chainwright/chainwright/executors/process"
)

// grace is how long a program that was asked to stop may take.
const grace = 5 * time.Second

// maxAnswer bounds what a program may answer, unless the policy says less.
const maxAnswer = 10 << 20

// errTooLong is the cause of the end of a program that answers without end.
var errTooLong = errors.New("the answer is too long")

// command runs a program for each call: the inputs go to its standard input,
// the answer comes from its standard output.
type command struct {
	def  *executors.Definition
	path string
	args []string
	dir  string
	env  map[string]string
	pass []string
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

// command finds the program, and refuses what callers could change.
func (l *loading) command(words []string, env map[string]string, pass []string) (*command, error) {
	c := &command{def: l.def, args: words[1:], dir: filepath.Dir(l.path), env: env, pass: pass}
	for i, word := range words {
		if strings.ContainsRune(word, 0) {
			return nil, l.section.Errorf([]string{"command", strconv.Itoa(i)}, "run.command[%d] holds a NUL byte", i)
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
	return c, nil
}

// program finds the program: a path is beside the definition, a mere name is
// one of the machine's.
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
		return "", l.section.Errorf(key, "the program %s: %w; a program beside this file is written as ./%s", name, bare(err), name)
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", l.section.Errorf(key, "the program %s: %w", name, err)
	}
	if root, exposed := l.folder.opts.Registry.Policy().Exposed(path); exposed {
		return "", l.section.Errorf(key, "callers may write %s, by policy.files.roots.%s", path, root)
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

// argument refuses one that is a file that callers can write: most likely it
// is the script.
func (l *loading) argument(i int, word string) error {
	path := word
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(l.path), path)
	}
	if _, err := os.Stat(path); err != nil {
		return nil // no file at all
	}
	if root, exposed := l.folder.opts.Registry.Policy().Exposed(path); exposed {
		return l.section.Errorf([]string{"command", strconv.Itoa(i)}, "callers may write %s, by policy.files.roots.%s, and would decide what is run", word, root)
	}
	return nil
}

// Definition is what the file says.
func (c *command) Definition() *executors.Definition { return c.def }

// Execute runs the program once.
func (c *command) Execute(ctx context.Context, call *executors.Call) (any, error) {
	question, err := ask(ctx, c.def, call)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	most := answerLimit(call, c.def.ID)
	var written atomic.Int64
	notes := newNotes(call.Progress)
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
		return nil, executors.Errorf(executors.ExecutionError, "%s answered with more than %d bytes, and was stopped", c.def.ID, most).
			WithHint("the operator raises policy.limits.executors." + c.def.ID + ".output_bytes")
	case err != nil: // the end of the context: what it had to say is kept
		output, _, _ := readAnswer(c.def, result.Stdout.Bytes)
		return output, err
	}
	return judge(c.def, result, notes.last())
}

// environment is that of every program, the operator's own variables, and
// those of the server's that the operator named.
func (c *command) environment() []string {
	base := process.Environment()
	list := append(base[:len(base):len(base)], "PYTHONUTF8=1") // answers are UTF-8 wherever the machine is
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

// answerLimit is how much of an answer is read.
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

// question is what a program is told, as JSON on its standard input.
type question struct {
	Inputs  map[string]any `json:"inputs"`
	Context callContext    `json:"context"`
}

type callContext struct {
	Executor     string                    `json:"executor"`
	RunID        string                    `json:"run_id"`
	TaskID       string                    `json:"task_id"`
	Attempt      int                       `json:"attempt"`
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
		Executor: def.ID, RunID: call.RunID, TaskID: call.TaskID, Attempt: call.Attempt, Seconds: def.Timeout.Default.Seconds(),
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
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(q); err != nil {
		return "", fmt.Errorf("writing the inputs of %s: %w", def.ID, err)
	}
	return text.String(), nil
}
