package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/tools"
)

// agreed is the flag by which a script says yes beforehand.
func agreed(into *bool) *param {
	return flag("yes", into, "", "Agree beforehand to what policy.confirm would ask about.").short("y")
}

// confirming is the context of a call about which the person at the terminal
// is asked, where policy has it so.
func (s *session) confirming() context.Context {
	return tools.WithCaller(s.ctx, &tools.Caller{Ask: s.confirm})
}

// confirm asks the person at the terminal. Anything but a yes is a no.
func (s *session) confirm(ctx context.Context, question *tools.Question) (tools.Decision, error) {
	if s.yes {
		return tools.Accepted, nil
	}
	if !isTerminal(s.in) || !isTerminal(s.err) {
		return "", &tools.NobodyToAsk{
			Reason: "there is no terminal to ask at",
			Hint:   "--yes agrees beforehand; the operator sets policy.confirm to where_possible or never",
		}
	}
	if s.showing != nil {
		defer s.showing.hold()()
	}
	fmt.Fprintf(s.err, "%s\nGo on? [y/N] ", question.Message)
	said := make(chan string, 1)
	go func() { // a read from a terminal can't be given up; it ends with the process
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
