package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/chainwright/chainwright/executors/external"
	"github.com/chainwright/chainwright/transport/cli/config"
)

type newExecutorCmd struct {
	ID   string
	Kind string
}

func (c *newExecutorCmd) takes() []*param {
	return []*param{
		arg("id", &c.ID, "The new executor's id: lower-case letters, digits and _."),
		flag("kind", &c.Kind, "KIND", "What does the work: "+listed(external.Kinds())+".").oneOf(external.Kinds()...).initially("command"),
	}
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
