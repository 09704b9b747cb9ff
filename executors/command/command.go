// Package command is command_executor: it runs a program that the operator
// has allowed.
package command

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/printed"
	"github.com/chainwright/chainwright/executors/process"
)

//go:embed definition.yaml
var files embed.FS

// outputCap bounds what is kept of each output, unless the policy's limits
// say otherwise.
const outputCap = 10 << 20

// Input is what to run.
type Input struct {
	Command any               `json:"command"` // a string, or a list of strings
	Stdin   string            `json:"stdin"`
	Env     map[string]string `json:"env"`
	Cwd     string            `json:"cwd"`
	// Timeout bounds the call from outside: see executors.TimeoutFor.
	Timeout         float64 `json:"timeout"`
	ExpectExitCodes []int64 `json:"expect_exit_codes"`
}

// Output is how the program ended, and what it wrote.
type Output struct {
	Success    bool    `json:"success"`
	ReturnCode int     `json:"return_code"`
	Stdout     string  `json:"stdout"`
	Stderr     string  `json:"stderr"`
	DurationMS float64 `json:"duration_ms"`
	Truncated  bool    `json:"truncated"`
}

// Command is the executor. Close removes the folder that it made.
type Command struct {
	executors.Executor
	empty emptyFolder
}

// New makes the executor.
func New() *Command {
	c := new(Command)
	c.Executor = executors.New(executors.MustLoad(files), c.run)
	return c
}

// Close removes what the executor made. No call may run any more.
func (c *Command) Close() error { return c.empty.remove() }

func (c *Command) run(ctx context.Context, call *executors.Call, in Input) (*Output, error) {
	spec, err := plan(call.Policy, in)
	if err != nil {
		return nil, err
	}
	if spec.Dir, err = c.folder(call.Policy, in.Cwd); err != nil {
		return nil, err
	}
	result, err := process.Run(ctx, spec)
	var start *process.StartError
	switch {
	case errors.As(err, &start):
		return nil, executors.Errorf(executors.ExecutionError, "the program can't be started: %w", err).WithField("command")
	case err != nil && result.Duration == 0:
		return nil, err
	}
	out := output(result, in.ExpectExitCodes)
	if err != nil {
		out.Success = false
	}
	return out, failure(err, out, spec.Path)
}

// plan finds the program and its environment, and refuses what is not
// allowed.
func plan(pol *policy.Policy, in Input) (process.Spec, error) {
	spec := process.Spec{Stdin: in.Stdin, Cap: outputCap}
	if limit := pol.Limits().Executors["command_executor"].OutputBytes; limit > 0 {
		spec.Cap = int(min(limit, outputCap))
	} else if limit := pol.Limits().OutputBytes; limit > 0 {
		spec.Cap = int(min(limit, outputCap))
	}
	shell, option, open := pol.Shell()
	if line, ok := in.Command.(string); ok && open {
		if strings.ContainsRune(line, 0) {
			return spec, executors.Errorf(executors.ValidationError, "the command holds a NUL byte").WithField("command")
		}
		spec.Path, spec.Args = shell, []string{option, line}
	} else {
		words, err := words(in.Command)
		if err != nil {
			return spec, executors.Errorf(executors.ValidationError, "command: %w", err).WithField("command")
		}
		if spec.Path, err = pol.Program(words[0], words[1:]); err != nil {
			return spec, err
		}
		spec.Args = words[1:]
	}
	if err := pol.Environment(spec.Path, slices.Sorted(maps.Keys(in.Env))); err != nil {
		return spec, err
	}
	for name, value := range in.Env {
		if strings.ContainsRune(value, 0) {
			return spec, executors.Errorf(executors.ValidationError, "the value of %s holds a NUL byte", name).WithField("env." + name)
		}
	}
	spec.Env = environment(in.Env)
	return spec, nil
}

// Words are a command's words, whether it came as an array or as one string,
// which is split by quotes and spaces. There is no shell in it.
func Words(command any) ([]string, error) {
	if line, ok := command.(string); ok {
		return split(line, true)
	}
	return words(command)
}

// words are the program and its arguments.
func words(command any) ([]string, error) {
	switch command := command.(type) {
	case string:
		return split(command, runtime.GOOS != "windows")
	case []string:
		if len(command) > 0 {
			return command, nil
		}
	case []any:
		list := make([]string, len(command))
		for i, word := range command {
			text, ok := word.(string)
			if !ok {
				return nil, fmt.Errorf("[%d] must be a string; got %v", i, word)
			}
			list[i] = text
		}
		if len(list) > 0 {
			return list, nil
		}
	}
	return nil, errors.New("the command is empty")
}

func output(result process.Result, expected []int64) *Output {
	return &Output{
		Success:    slices.Contains(expected, int64(result.Code)) || len(expected) == 0 && result.Code == 0,
		ReturnCode: result.Code,
		Stdout:     printed.Text(result.Stdout.Bytes, result.Stdout.Truncated),
		Stderr:     printed.Text(result.Stderr.Bytes, result.Stderr.Truncated),
		DurationMS: float64(result.Duration.Microseconds()) / 1000,
		Truncated:  result.Stdout.Truncated || result.Stderr.Truncated,
	}
}

// failure says why the call failed; nil where it did not.
func failure(err error, out *Output, path string) error {
	took := time.Duration(out.DurationMS * float64(time.Millisecond)).Round(10 * time.Millisecond)
	code := strconv.Itoa(out.ReturnCode)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return executors.Errorf(executors.TimeoutError, "the command was stopped after %s, as its time was over", took).
			WithHint("set timeout to give it more time")
	case errors.Is(err, context.Canceled):
		return executors.Errorf(executors.Cancelled, "the command was stopped after %s", took)
	case err != nil:
		return executors.Errorf(executors.ExecutionError, "%w", err)
	case out.Success:
		return nil
	case out.ReturnCode < 0 && runtime.GOOS != "windows":
		return executors.Errorf(executors.ExecutionError, "%s was ended by signal %d%s", path, -out.ReturnCode, because(out)).WithCode(code)
	}
	return executors.Errorf(executors.ExecutionError, "%s ended with exit code %d%s", path, out.ReturnCode, because(out)).WithCode(code).
		WithHint("where this code is no failure, add it to expect_exit_codes")
}

// because is the last line that the program wrote to its standard error: most
// say there what is wrong.
func because(out *Output) string {
	lines := strings.Split(strings.TrimSpace(out.Stderr[max(0, len(out.Stderr)-2000):]), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if last == "" {
		return ""
	}
	if runes := []rune(strings.ToValidUTF8(last, "")); len(runes) > 300 {
		last = string(runes[:300]) + "…"
	}
	return ": " + strings.ToValidUTF8(last, "")
}
