package cli

import (
	"errors"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/transport/internal/config"
)

type doctorCmd struct {
	Approve bool
	Engine  string
	JSON    bool
}

func (c *doctorCmd) takes() []*param {
	return []*param{
		flag("approve", &c.Approve, "", "Approve the configuration file in this folder as it is now, and start nothing."),
		engineFlag(&c.Engine),
		flag("json", &c.JSON, "", "Print JSON."),
	}
}

// Run checks everything that a server needs, and shows the settings in force.
func (c *doctorCmd) Run(s *session) error {
	found := newCheckup()
	p := c.examine(s, found)
	found.Healthy = len(found.Problems) == 0
	var err error
	if c.JSON {
		err = s.printJSON(found)
	} else {
		err = found.write(s.out)
	}
	if err == nil && !found.Healthy {
		err = quiet(exitFailed)
	}
	if p == nil {
		return err
	}
	return finishing(s, p, err)
}

// examine loads the configuration, starts what a server starts, and looks at it.
// It returns nil if nothing could be started.
func (c *doctorCmd) examine(s *session, found *checkup) *program {
	load := s.load
	if c.Approve {
		load = s.review
	}
	cfg, err := load()
	if err != nil {
		found.sick(partConfiguration, err)
		return nil
	}
	found.Configuration = configurationOf(cfg)
	if c.Approve { // starts nothing: what the file names has not been reviewed yet
		if err := cfg.Approve(); err != nil {
			found.sick(partConfiguration, err)
			return nil
		}
		found.Configuration.NowApproved = cfg.Found
		return nil
	}
	p, err := assemble(s.ctx, cfg, s.logger("warn", cfg.LogFormat), s.executors)
	if err != nil {
		found.sick(partStart, err)
		return nil
	}
	found.policy(p)
	found.run(s.ctx, c.checks(p))
	found.configured(p)
	found.measured(p)
	found.Clients = clients()
	return p
}

// The parts of the setup that keep a server from starting.
const (
	partConfiguration = "configuration"
	partStart         = "start"
)

// problem is one problem of the setup.
type problem struct {
	// Part is what is wrong: configuration, start, policy, limits, model, executors,
	// store, engine, schedules, telemetry or tools.
	Part string `json:"part"`
	// Where is a file and line, a variable or a flag.
	Where   string `json:"where,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// text returns the problem as one line.
func (p *problem) text() string {
	text := p.Message
	if p.Where != "" {
		text = p.Where + ": " + text
	}
	if p.Hint != "" && p.Part != partConfiguration && p.Part != partStart {
		text += " (" + p.Hint + ")"
	}
	return text
}

// sick adds the problems of an error that keeps the server from starting.
func (f *checkup) sick(part string, err error) {
	var wrong config.Problems
	if errors.As(err, &wrong) {
		for _, each := range wrong {
			f.Problems = append(f.Problems, problem{Part: part, Where: each.Where, Message: each.Message})
		}
		return
	}
	one := problem{Part: part, Message: err.Error()}
	var own *exit
	if errors.As(err, &own) {
		one.Hint = own.hint
	}
	f.Problems = append(f.Problems, one)
}

// because returns an error of a part as its problem.
func because(part string, err error) problem {
	one := problem{Part: part, Message: err.Error()}
	var own *executors.Error
	if errors.As(err, &own) {
		one.Hint = own.Hint
	}
	return one
}
