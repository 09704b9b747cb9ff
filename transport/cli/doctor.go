package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/chainwright/chainwright/transport/internal/config"
)

type doctorCmd struct {
	Approve bool
	Engine  string
}

func (c *doctorCmd) takes() []*param {
	return []*param{
		flag("approve", &c.Approve, "", "Approve the configuration file in this folder as it is now, and start nothing."),
		engineFlag(&c.Engine),
	}
}

// Run checks everything that a server needs, and shows the settings in force.
func (c *doctorCmd) Run(s *session) error {
	fmt.Fprintf(s.out, "chainwright %s, %s, %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if c.Approve {
		return c.approve(s)
	}
	cfg, err := s.load()
	if err != nil {
		return c.sick(s, "configuration", err)
	}
	tellConfig(s, cfg)
	p, err := assemble(s.ctx, cfg, s.logger("warn"), s.executors)
	if err != nil {
		return c.sick(s, "start", err)
	}
	p.complete()
	err = c.examine(s, p)
	return finishing(s, p, err)
}

// approve shows the settings of the file in this folder, and approves it. It
// starts nothing: what the file names has not been reviewed yet.
func (c *doctorCmd) approve(s *session) error {
	cfg, err := s.review()
	if err != nil {
		return c.sick(s, "configuration", err)
	}
	tellConfig(s, cfg)
	if err := cfg.Approve(); err != nil {
		return c.sick(s, "configuration", err)
	}
	fmt.Fprintf(s.out, "\napproved %s as it is now; check it with chainwright doctor\n", cfg.Found)
	return nil
}

// sick prints a problem that keeps the server from starting.
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

func tellConfig(s *session, cfg *config.Loaded) {
	how := cmp.Or(cfg.File, "none; defaults are in force")
	if cfg.Approved {
		how += " (found in the working folder, approved)"
	}
	fmt.Fprintf(s.out, "\nconfiguration file: %s\n", how)
	if cfg.Found != "" && cfg.Found != cfg.File {
		fmt.Fprintf(s.out, "also in force: %s (found in the working folder, not approved: it can only restrict)\n", cfg.Found)
		for _, each := range cfg.Ignored {
			fmt.Fprintf(s.out, "  %s: %s is ignored\n", each.Where, each.Message)
		}
		if len(cfg.Ignored) > 0 {
			fmt.Fprintln(s.out, "  review the file and approve it as it is now with `chainwright doctor --approve`, or name it with --config")
		}
	}
	fmt.Fprintf(s.out, "data folder: %s\n\n", cfg.DataDir)
	t := table{}
	t.add("SETTING", "FROM", "VALUE")
	for _, entry := range cfg.Entries() {
		t.add(entry.Key, entry.Source, entry.Value)
	}
	_ = t.write(s.out)
}

// examine prints the state of a program that has started, and its problems.
func (c *doctorCmd) examine(s *session, p *program) error {
	var problems []string
	fmt.Fprintf(s.out, "\npolicy: what callers may do\n")
	t := table{}
	for _, setting := range p.registry.Policy().Describe() {
		value := setting.Value
		if setting.Opens != "" {
			value += " (" + setting.Opens + ")"
		}
		t.add("  "+setting.Name, value)
	}
	if err := t.write(s.out); err != nil {
		return err
	}
	if err := tellTokens(s, p); err != nil {
		return err
	}
	problems = append(problems, tellLimits(s, p)...)
	tellDatabases(s, p)
	tellTrusted(s, p)
	tellOpen(s, p)
	asking, stop := context.WithTimeout(s.ctx, 3*time.Second)
	defer stop()
	fmt.Fprintf(s.out, "language model: %s\n", p.models.Describe(asking))
	problems = append(problems, tellExternal(s, p)...)

	ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
	defer cancel()
	fmt.Fprintf(s.out, "\nstore: %s\n", p.config.ShownStore())
	problems = append(problems, examineStore(ctx, s, p)...)
	problems = append(problems, tellEngine(ctx, s, p, c.Engine)...)
	problems = append(problems, tellSchedules(s, p)...)
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

// tellTokens prints the named tokens, without the tokens themselves.
func tellTokens(s *session, p *program) error {
	list := tokens(p.config)
	if len(list) == 0 {
		return nil
	}
	fmt.Fprintln(s.out, "\nnamed tokens for HTTP")
	t := table{}
	t.add("  NAME", "PRINCIPAL", "SCOPES")
	for _, each := range list {
		t.add("  "+each.Name, each.Principal, cmp.Or(listed(each.Scopes), "everything"))
	}
	return t.write(s.out)
}

// tellTrusted prints what was checked at the start. If callers could change any
// of it, the start would have failed.
func tellTrusted(s *session, p *program) {
	var names []string
	for _, each := range p.registry.Policy().Trusted() {
		names = append(names, each.Setting)
	}
	fmt.Fprintf(s.out, "\nout of callers' reach: %s\n", listed(names))
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
		fmt.Fprintf(s.out, "closed executors: %s (chainwright executors shows the setting that opens each)\n", listed(closed))
	}
}

// tellExternal prints the folder of user-made executors, and returns the
// problems of its files.
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

// tellClients prints where MCP clients keep their configuration.
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
