package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/chainwright/chainwright/executors/external"
	"github.com/chainwright/chainwright/transport/cli/config"
)

// executorsCmds are the commands about executors. Without the name of one,
// they are listed.
type executorsCmds struct {
	List executorsCmd   `cmd:"" default:"withargs" help:"List all executors, open or closed, and what opens each; or describe one."`
	New  newExecutorCmd `cmd:"" help:"Write an executor of your own that works, to begin with."`
}

type newExecutorCmd struct {
	ID   string `arg:"" help:"The new executor's id: lower-case letters, digits and _."`
	Kind string `default:"command" enum:"${kinds}" placeholder:"KIND" help:"What does the work: ${enum}."`
}

// Run writes the files and says how to try them.
func (c *newExecutorCmd) Run(s *session) error {
	p, err := s.open(unaudited)
	if err != nil {
		return err
	}
	return finishing(s, p, c.write(s, p))
}

func (c *newExecutorCmd) write(s *session, p *program) error {
	dir := p.config.ExecutorsDir
	if p.external == nil || dir == config.NoExecutors {
		return usage("there is no folder of executors").withHint("name one with --executors-dir FOLDER")
	}
	if _, taken := p.registry.Lookup(c.ID); taken {
		return usage("there is an executor %s already", c.ID).withHint("choose another id; `chainwright executors` lists those that are taken")
	}
	files, err := external.Start(dir, c.ID, c.Kind)
	switch {
	case errors.Is(err, fs.ErrExist):
		return usage("%w", err)
	case err != nil:
		return usage("executors new: %w", err)
	}
	for _, name := range files {
		fmt.Fprintf(s.out, "wrote %s\n", name)
	}
	fmt.Fprintf(s.err, "a server that runs takes it up by itself; next: chainwright executors %s\n", c.ID)
	return nil
}
