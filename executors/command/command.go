// Package command implements command_executor. It is not a stable API.
// The executor runs a program that the operator has allowed.
package command

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/process"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/shorten"
)

//go:embed definition.yaml
var files embed.FS

// outputCap is the most bytes that are kept of each output, unless the
// policy's limits are lower.
const outputCap = 10 << 20

// Input is the command to run.
type Input struct {
	Command any               `json:"command"` // a string, or a list of strings
	Stdin   string            `json:"stdin"`
	Env     map[string]string `json:"env"`
	Cwd     string            `json:"cwd"`
	// Timeout, in seconds, is applied by the registry: see executors.TimeoutFor.
	Timeout         float64 `json:"timeout"`
	ExpectExitCodes []int64 `json:"expect_exit_codes"`
}

// Output is the program's exit and what it wrote.
type Output struct {
	Success    bool    `json:"success"`
	ReturnCode int     `json:"return_code"`
	Stdout     string  `json:"stdout"`
	Stderr     string  `json:"stderr"`
	DurationMS float64 `json:"duration_ms"`
	Truncated  bool    `json:"truncated"`
	// Warnings name the outputs that are not UTF-8.
	Warnings []string `json:"warnings,omitempty"`
}

// Command is the executor. Close removes the folder that it created.
type Command struct {
	executors.Executor
	empty emptyFolder
}

// New returns command_executor.
func New() *Command {
	c := new(Command)
	c.Executor = executors.New(executors.MustLoad(files), c.run)
	return c
}

// Close removes the folder that the executor created. No call may be in
// flight.
func (c *Command) Close() error { return c.empty.remove() }

func (c *Command) run(ctx context.Context, call *executors.Call, in Input) (*Output, error) {
	spec, err := plan(call.Policy, in)
	if err != nil {
		return nil, err
	}
	if spec.Dir, err = c.folder(call.Policy, in.Cwd); err != nil {
		return nil, err
	}
	says := func([]byte) {}
	if call.OnProgress != nil {
		call.Progress(executors.Progress{Message: "running " + filepath.Base(spec.Path)})
		says = process.Lines(func(line string) { call.Progress(executors.Progress{Message: line}) })
	}
	see := func(to io.Writer) func([]byte) {
		return func(piece []byte) {
			_, _ = to.Write(piece)
			says(piece)
		}
	}
	spec.Stdout, spec.Stderr = see(call.Output()), see(call.Output())
	result, err := process.Run(ctx, spec)
	var start *process.StartError
	switch {
	case errors.As(err, &start):
		return nil, executors.Errorf(executors.ExecutionError, "the program could not be started: %w", err).WithField("command")
	case err != nil && result.Duration == 0:
		return nil, err
	}
	out := output(result, in.ExpectExitCodes)
	if err != nil {
		out.Success = false
	}
	return out, failure(err, out, spec.Path)
}

// plan resolves the program and its environment, and refuses what policy does
// not allow.
func plan(pol *policy.Policy, in Input) (process.Spec, error) {
	spec := process.Spec{Stdin: in.Stdin, Cap: outputCap}
	if limit := pol.Limits().Executors["command_executor"].OutputBytes; limit > 0 {
		spec.Cap = int(min(limit, outputCap))
	} else if limit := pol.Limits().OutputBytes; limit > 0 {
		spec.Cap = int(min(limit, outputCap))
	}
	variables := slices.Sorted(maps.Keys(in.Env))
	shell, option, open := pol.Shell()
	if line, ok := in.Command.(string); ok && open {
		if strings.ContainsRune(line, 0) {
			return spec, executors.Errorf(executors.ValidationError, "the command contains a NUL byte").WithField("command")
		}
		if err := policy.CheckVariables(variables); err != nil {
			return spec, err
		}
		spec.Path, spec.Args = shell, []string{option, line}
	} else {
		words, err := words(in.Command)
		if err != nil {
			return spec, executors.Errorf(executors.ValidationError, "command: %w", err).WithField("command")
		}
		if spec.Path, err = pol.Program(words[0], words[1:], variables...); err != nil {
			return spec, err
		}
		spec.Args = words[1:]
	}
	for name, value := range in.Env {
		if strings.ContainsRune(value, 0) {
			return spec, executors.Errorf(executors.ValidationError, "the value of %s contains a NUL byte", name).WithField("env." + name)
		}
	}
	spec.Env = environment(in.Env)
	return spec, nil
}

// Words returns the words of a command that is an array, or one string that is
// split by quotes and spaces. No shell is involved.
func Words(command any) ([]string, error) {
	if line, ok := command.(string); ok {
		return split(line, true)
	}
	return words(command)
}

// words returns the program and its arguments.
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
		Stdout:     result.Stdout.Text(),
		Stderr:     result.Stderr.Text(),
		DurationMS: float64(result.Duration.Microseconds()) / 1000,
		Truncated:  result.Stdout.Truncated || result.Stderr.Truncated,
		Warnings:   process.NotUTF8(result.Stdout, result.Stderr),
	}
}

// failure returns why the call failed, or nil.
func failure(err error, out *Output, path string) error {
	took := time.Duration(out.DurationMS * float64(time.Millisecond)).Round(10 * time.Millisecond)
	code := strconv.Itoa(out.ReturnCode)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return executors.Errorf(executors.TimeoutError, "the command was stopped after %s because of its timeout", took).
			WithHint("set timeout to a higher value")
	case errors.Is(err, context.Canceled):
		return executors.Errorf(executors.Cancelled, "the command was stopped after %s", took)
	case err != nil:
		return executors.Errorf(executors.ExecutionError, "%w", err)
	case out.Success:
		return nil
	case out.ReturnCode < 0 && runtime.GOOS != "windows":
		return executors.Errorf(executors.ExecutionError, "%s was ended by signal %d%s", path, -out.ReturnCode, because(out)).WithCode(code)
	}
	failed := executors.Errorf(executors.ExecutionError, "%s ended with exit code %d%s", path, out.ReturnCode, because(out)).WithCode(code).
		WithHint("if this code is not a failure, add it to expect_exit_codes")
	failed.Exited = true
	return failed
}

// because returns the last line of standard error: most programs report there
// what is wrong.
func because(out *Output) string {
	last := shorten.LastLine(out.Stderr, 300)
	if last == "" {
		return ""
	}
	return ": " + last
}
