package cli

import (
	"github.com/chainwright/chainwright/transport/app"
)

func engineFlag(to *string) *param {
	return flag("engine", to, "URL", "What runs task trees: temporal://HOST:PORT/NAMESPACE; this process by default.")
}

type workerCmd struct {
	Engine string
	JSON   bool
}

func (c *workerCmd) takes() []*param { return []*param{engineFlag(&c.Engine), startAsJSON(&c.JSON)} }

// Run does tasks for an engine until a signal comes.
func (c *workerCmd) Run(s *session) error {
	if c.Engine == "" {
		return usage("a worker needs the engine that it works for").withHint("chainwright worker --engine temporal://HOST:PORT/NAMESPACE --store postgres://…")
	}
	p, err := s.servingWith([]app.Option{app.WithEngine(c.Engine)})
	if err != nil {
		return err
	}
	p.log.Info().Str("engine", c.Engine).Msg("working")
	if err := s.serves(servingLine{Status: "working", Engine: c.Engine}); err != nil {
		return stopped(s, p, err)
	}
	p.app.FireSchedules(s.ctx)
	<-s.ctx.Done()
	return stopped(s, p, nil)
}
