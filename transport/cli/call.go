package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/tasktree"
	"github.com/chainwright/chainwright/transport/internal/config"
)

type callCmd struct {
	Tool   string
	Inputs repeated
	JSON   bool
	Yes    bool
}

func (c *callCmd) takes() []*param {
	return []*param{
		arg("tool", &c.Tool, "The tool's name; see chainwright tools.").offering(toolNames),
		inputsFlag(&c.Inputs, "The tool's arguments:"),
		alwaysJSON(&c.JSON),
		agreed(&c.Yes),
	}
}

// Run calls one tool and prints its envelope, also that of a failed call.
func (c *callCmd) Run(s *session) error {
	given, err := s.readInputs(c.Inputs)
	if err != nil {
		return err
	}
	var change []func(*config.Loaded)
	if s.builtIn(c.Tool) {
		change = append(change, unextended)
	}
	p, err := s.open(change...)
	if err != nil {
		return err
	}
	p.registry.Lookup(c.Tool) // a user-made MCP server may have it
	if c.Tool == tools.FindExecutor || c.Tool == tasktree.ID {
		p.complete(s.ctx)
	}
	s.yes = c.Yes
	var schema json.RawMessage
	if tool, ok := p.tools.Lookup(c.Tool); ok {
		schema = tool.Whole
	}
	arguments, err := given.typed(schema)
	if err != nil {
		return finishing(s, p, err)
	}
	res, err := s.callTool(p, c.Tool, arguments)
	if err == nil {
		err = s.printEnvelope(res)
	}
	return finishing(s, p, err)
}

// builtIn reports whether a tool is a built-in executor. No user-made executor
// can replace one, and a built-in executor calls no other.
func (s *session) builtIn(tool string) bool {
	return slices.ContainsFunc(s.executors, func(e executors.Executor) bool { return e.Definition().ID == tool })
}

// callTool calls a tool and shows its progress.
func (s *session) callTool(p *program, name string, arguments json.RawMessage) (*tools.Result, error) {
	show := newProgress(s.err)
	s.showing = show
	defer show.finish()
	return s.call(p, name, &tools.Request{Arguments: arguments, OnProgress: func(at executors.Progress) {
		show.set(int(at.Done), int(at.Total), at.Message)
	}})
}

// printEnvelope prints the envelope that every transport sends, and returns its
// exit code as an error.
func (s *session) printEnvelope(res *tools.Result) error {
	envelope := res.Encode()
	if isTerminal(s.out) {
		var pretty bytes.Buffer
		if json.Indent(&pretty, envelope, "", "  ") == nil {
			envelope = pretty.Bytes()
		}
	}
	s.printed = true
	if _, err := fmt.Fprintf(s.out, "%s\n", envelope); err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	return quiet(codeOfResult(res))
}

// finishing closes the program at the end of a command. It returns the
// command's error if there is one, else the error of closing.
func finishing(s *session, p *program, err error) error {
	s.watchdog.start()
	if closing := p.close(afterwards(s.ctx)); err == nil {
		return closing
	}
	return err
}
