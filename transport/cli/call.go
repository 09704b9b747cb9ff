package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/cli/config"
)

type callCmd struct {
	Tool   string
	Inputs string
	Yes    bool
}

func (c *callCmd) takes() []*param {
	return []*param{
		arg("tool", &c.Tool, "The tool's name; see chainwright tools.").offering(toolNames),
		flag("inputs", &c.Inputs, "JSON|@FILE|-", "The tool's arguments: a JSON object, a file that holds one, or stdin.").short("i"),
		agreed(&c.Yes),
	}
}

// Run calls one tool and prints its envelope, whatever it says.
func (c *callCmd) Run(s *session) error {
	arguments, err := s.inputs(c.Inputs)
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
	s.yes = c.Yes
	res, err := s.callTool(p, c.Tool, arguments)
	if err == nil {
		err = s.printEnvelope(res)
	}
	return finishing(s, p, err)
}

// builtIn reports whether a tool is an executor that the program brings; no
// file of users' can take its place, and it uses no other.
func (s *session) builtIn(tool string) bool {
	return slices.ContainsFunc(s.executors, func(e executors.Executor) bool { return e.Definition().ID == tool })
}

// callTool calls a tool and shows its progress.
func (s *session) callTool(p *program, name string, arguments json.RawMessage) (*tools.Result, error) {
	tool, ok := p.tools.Lookup(name)
	if !ok {
		return nil, p.missing(name)
	}
	show := newProgress(s.err)
	s.showing = show
	defer show.finish()
	return tool.Handle(s.confirming(), &tools.Request{Arguments: arguments, OnProgress: func(at executors.Progress) {
		show.set(int(at.Done), int(at.Total), at.Message)
	}}), nil
}

// printEnvelope prints an answer as every transport gives it, and makes the
// exit code of it.
func (s *session) printEnvelope(res *tools.Result) error {
	envelope := res.Encode()
	if isTerminal(s.out) {
		var pretty bytes.Buffer
		if json.Indent(&pretty, envelope, "", "  ") == nil {
			envelope = pretty.Bytes()
		}
	}
	if _, err := fmt.Fprintf(s.out, "%s\n", envelope); err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	return quiet(codeOfResult(res))
}

// finishing closes the program at the end of a command; the command's own
// error goes first.
func finishing(s *session, p *program, err error) error {
	if closing := p.close(afterwards(s.ctx)); err == nil {
		return closing
	}
	return err
}
