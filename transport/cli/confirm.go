package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/tools"
)

// agreed declares the flag --yes, which answers every confirmation with yes.
func agreed(into *bool) *param {
	return flag("yes", into, "", "Answer yes to every confirmation that policy.confirm asks for.").short("y")
}

// call calls a tool. The person at the terminal is asked first, if policy says
// so.
func (s *session) call(p *program, name string, req *tools.Request) (*tools.Result, error) {
	pending, ok := p.tools.Prepare(s.ctx, name, req)
	if !ok {
		return nil, p.missing(name)
	}
	if pending.Question != nil {
		if refusal := pending.Ask(s.ctx, tools.AnswerWithin, s.confirm); refusal != nil {
			return refusal, nil
		}
	}
	return pending.Start(s.ctx), nil
}

// confirm asks the person at the terminal. Only "y" and "yes" accept.
func (s *session) confirm(ctx context.Context, question *tools.Question) (tools.Decision, error) {
	if s.yes {
		return tools.Accepted, nil
	}
	if !isTerminal(s.in) || !isTerminal(s.err) {
		return "", &tools.CannotAskError{
			Reason: "no terminal is attached",
			Hint:   "use --yes, or ask the operator to set policy.confirm to where_possible or never",
		}
	}
	if s.showing != nil {
		defer s.showing.hold()()
	}
	fmt.Fprintf(s.err, "%s\nContinue? [y/N] ", question.Message)
	said := make(chan string, 1)
	go func() { // a read from a terminal can't be interrupted; it ends with the process
		line, _ := bufio.NewReader(s.in).ReadString('\n')
		said <- line
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(s.err)
		return "", fmt.Errorf("waiting for an answer: %w", ctx.Err())
	case line := <-said:
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return tools.Accepted, nil
		case "":
			return tools.Dismissed, nil
		}
		return tools.Declined, nil
	}
}
