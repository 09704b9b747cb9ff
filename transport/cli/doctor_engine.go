package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/chainwright/chainwright/chain/temporal"
	"github.com/chainwright/chainwright/executors"
)

// tellEngine prints what the server of an engine says, and returns its problems.
func tellEngine(ctx context.Context, s *session, p *program, url string) (problems []string) {
	if url == "" {
		return nil
	}
	fmt.Fprintf(s.out, "engine: %s\n", url)
	address, err := temporal.ParseAddress(url)
	if err != nil {
		return []string{explained(err)}
	}
	if err := temporal.CheckStore(p.config.Store); err != nil {
		problems = append(problems, explained(err))
	}
	state, err := temporal.Examine(ctx, address)
	if err != nil {
		return append(problems, explained(err))
	}
	fmt.Fprintf(s.out, "  Temporal %s, namespace %s; %s in the task queue %s; %s in progress", state.Server, address.Namespace,
		plural(state.Workers, "worker"), state.Queue, plural(int(state.Runs), "run"))
	if state.OtherBuilds > 0 {
		fmt.Fprintf(s.out, ", %d of them started by other versions of chainwright, which alone continue them", state.OtherBuilds)
	}
	fmt.Fprintln(s.out)
	if len(state.Deserted) > 0 {
		problems = append(problems, fmt.Sprintf("runs wait for workers of the versions that started them, in the task queues %s: start one of each version until they have ended, or cancel them there", listed(state.Deserted)))
	}
	return problems
}

// explained returns the message of an error with its hint.
func explained(err error) string {
	var own *executors.Error
	if errors.As(err, &own) && own.Hint != "" {
		return fmt.Sprintf("%v (%s)", err, own.Hint)
	}
	return err.Error()
}
