package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/transport/cli/config"
)

type doctorCmd struct {
	Approve bool
}

func (c *doctorCmd) takes() []*param {
	return []*param{
		flag("approve", &c.Approve, "", "Approve the configuration file found in this folder as it stands, so that a server started here by a client takes it."),
	}
}

// Run checks everything that a server needs, and shows what is in force.
func (c *doctorCmd) Run(s *session) error {
	fmt.Fprintf(s.out, "chainwright %s, %s, %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	cfg, err := s.load(byPerson)
	if err != nil {
		return c.sick(s, "configuration", err)
	}
	if c.Approve {
		if err := cfg.Approve(); err != nil {
			return c.sick(s, "configuration", err)
		}
		fmt.Fprintf(s.out, "approved %s\n", cfg.File)
	}
	byAClient, clientErr := s.load(byClient)
	tellConfig(s, cfg, byAClient.Approved)
	if clientErr != nil && !byAClient.Approved {
		fmt.Fprintf(s.out, "\n! `chainwright stdio` refuses this file here: it was found in the working folder, not named or approved.\n"+
			"  Approve it as it stands with `chainwright doctor --approve`, or start the server with --config.\n")
	}
	p, err := assemble(s.ctx, cfg, s.logger("warn"), s.executors)
	if err != nil {
		return c.sick(s, "start", err)
	}
	err = c.examine(s, p)
	return finishing(s, p, err)
}

// sick tells of a problem that keeps the server from starting.
func (c *doctorCmd) sick(s *session, part string, err error) error {
	fmt.Fprintf(s.out, "\nproblems in the %s:\n", part)
	var wrong config.Problems
	if errors.As(err, &wrong) {
		for _, problem := range wrong {
			fmt.Fprintf(s.out, "  %s: %s\n", problem.Where, problem.Message)
		}
	} else {
		fmt.Fprintf(s.out, "  %v\n", err)
	}
	var own *exit
	if errors.As(err, &own) && own.hint != "" {
		fmt.Fprintf(s.out, "  hint: %s\n", own.hint)
	}
	return quiet(exitFailed)
}

func tellConfig(s *session, cfg *config.Loaded, approved bool) {
	how := "none; defaults are in force"
	switch {
	case cfg.File == "":
	case cfg.Named:
		how = cfg.File
	case approved:
		how = cfg.File + " (found in the working folder, approved)"
	default:
		how = cfg.File + " (found in the working folder)"
	}
	fmt.Fprintf(s.out, "\nconfiguration file: %s\ndata folder: %s\n\n", how, cfg.DataDir)
	t := table{}
	t.add("SETTING", "FROM", "VALUE")
	for _, entry := range cfg.Entries() {
		t.add(entry.Key, entry.Source, entry.Value)
	}
	_ = t.write(s.out)
}

// examine looks at the parts of a program that did start.
func (c *doctorCmd) examine(s *session, p *program) error {
	var problems []string
	fmt.Fprintf(s.out, "\npolicy: what callers may do\n")
	t := table{}
	for _, setting := range p.policy.Describe() {
		value := setting.Value
		if setting.Opens != "" {
			value += " (" + setting.Opens + ")"
		}
		t.add("  "+setting.Name, value)
	}
	if err := t.write(s.out); err != nil {
		return err
	}
	tellOpen(s, p)
	asking, stop := context.WithTimeout(s.ctx, 3*time.Second)
	defer stop()
	fmt.Fprintf(s.out, "language model: %s\n", p.models.Describe(asking))
	problems = append(problems, tellExternal(s, p)...)

	ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
	defer cancel()
	fmt.Fprintf(s.out, "\nstore: %s\n", p.config.Store)
	if _, _, err := p.runner.List(ctx, chain.ListOptions{Limit: 1}); err != nil {
		problems = append(problems, fmt.Sprintf("the store %s can't be read: %v", p.config.Store, err))
	}
	list, total, err := price(ctx, p.tools)
	if err != nil {
		problems = append(problems, err.Error())
	}
	fmt.Fprintf(s.out, "published: %s, about %s tokens in all (see chainwright tools)\n", plural(len(list), "tool"), thousands(total))
	if len(list) == 0 {
		problems = append(problems, "no tool is published; check toolsets, tools and exclude_tools")
	}
	for _, missing := range p.config.Missing() {
		problems = append(problems, missing.Where+": "+missing.Message)
	}
	if p.config.Policy.Command.Shell {
		problems = append(problems, "policy.command.shell lets callers run anything on this machine")
	}
	tellClients(s)
	if len(problems) == 0 {
		fmt.Fprintln(s.out, "\nno problems found")
		return nil
	}
	fmt.Fprintln(s.out, "\nproblems:")
	for _, problem := range problems {
		fmt.Fprintf(s.out, "  %s\n", problem)
	}
	return quiet(exitFailed)
}

func tellOpen(s *session, p *program) {
	var open, closed []string
	for _, each := range p.registry.All() {
		id := each.Definition().ID
		if _, isClosed := p.registry.Closed(id); isClosed {
			closed = append(closed, id)
			continue
		}
		open = append(open, id)
	}
	fmt.Fprintf(s.out, "\nopen executors: %s\n", listed(open))
	if len(closed) > 0 {
		fmt.Fprintf(s.out, "closed executors: %s (chainwright executors says what opens each)\n", listed(closed))
	}
}

// tellExternal shows the folder of executors that users made, and what is
// wrong with its files.
func tellExternal(s *session, p *program) (problems []string) {
	if p.external == nil {
		return nil
	}
	made := 0
	for _, each := range p.registry.All() {
		if _, ok := p.external.Origin(each.Definition().ID); ok {
			made++
		}
	}
	fmt.Fprintf(s.out, "\nyour own executors: %s in %s\n", plural(made, "executor"), p.external.Dir())
	for _, each := range p.external.Problems() {
		problems = append(problems, each.Err.Error())
	}
	return problems
}

// tellClients says where assistants' clients keep their configuration.
func tellClients(s *session) {
	self, err := os.Executable()
	if err != nil {
		self = "chainwright"
	}
	fmt.Fprintf(s.out, "\nclients start the server with: %s stdio\n", self)
	home, err := os.UserHomeDir()
	if err != nil {
		return
	}
	for _, client := range clientFiles(home) {
		state := "not there yet"
		if _, err := os.Stat(client.path); err == nil {
			state = "there"
		}
		fmt.Fprintf(s.out, "  %-15s %s (%s)\n", client.name, client.path, state)
	}
}

type clientFile struct{ name, path string }

func clientFiles(home string) []clientFile {
	desktop := filepath.Join(home, ".config", "Claude", "claude_desktop_config.json")
	switch runtime.GOOS {
	case "darwin":
		desktop = filepath.Join(home, "Library", "Application Support", "Claude", "claude_desktop_config.json")
	case "windows":
		desktop = filepath.Join(os.Getenv("APPDATA"), "Claude", "claude_desktop_config.json")
	}
	return []clientFile{
		{"Claude Desktop", desktop},
		{"Claude Code", filepath.Join(home, ".claude.json")},
		{"Cursor", filepath.Join(home, ".cursor", "mcp.json")},
	}
}
