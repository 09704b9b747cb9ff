package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/cli/config"
)

// maxInput bounds what a command reads from a file or stdin.
const maxInput = 8 << 20

// session is what every command is given.
type session struct {
	streams
	ctx       context.Context
	globals   *globals
	executors []executors.Executor
	yes       bool      // the person has agreed to what may be asked
	showing   *progress // what a question must not be drawn over by
	forgets   bool      // the store ends with the process
	root      *cobra.Command
}

func newSession(ctx context.Context, std streams, execs []executors.Executor) *session {
	s := &session{streams: std, ctx: ctx, globals: &globals{}, executors: execs}
	s.root = s.commands()
	return s
}

// caller says who started the program: a person, or an assistant's client.
type caller int

const (
	byPerson caller = iota
	byClient
)

// load reads the configuration.
func (s *session) load(from caller) (*config.Loaded, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("finding the working folder: %w", err)
	}
	return config.Load(config.Sources{
		File: s.globals.Config, Flags: s.globals.flags(), Environ: os.Environ(), Dir: dir,
		StartedByClient: from == byClient,
	})
}

// logger writes to stderr: for people on a terminal, JSON lines elsewhere.
func (s *session) logger(level string) zerolog.Logger {
	parsed, err := zerolog.ParseLevel(level)
	if err != nil {
		parsed = zerolog.InfoLevel
	}
	out := s.err
	if isTerminal(s.err) {
		out = zerolog.ConsoleWriter{Out: s.err, TimeFormat: "15:04:05", NoColor: true} // which s.err would show
	}
	return zerolog.New(out).Level(parsed).With().Timestamp().Logger()
}

// open loads the configuration and wires the program for a command that a
// person gave. Only what goes wrong is logged, unless the level was set.
func (s *session) open(change ...func(*config.Loaded)) (*program, error) {
	cfg, err := s.load(byPerson)
	if err != nil {
		return nil, err
	}
	for _, each := range change {
		each(cfg)
	}
	s.forgets = cfg.Store == "memory"
	level := cfg.LogLevel
	if cfg.Source("log_level") == "default" {
		level = zerolog.WarnLevel.String()
	}
	return assemble(s.ctx, cfg, s.logger(level), s.executors)
}

// unaudited is for commands that call no executor: without an audit trail
// they touch nothing on the disk but a store that they read.
func unaudited(cfg *config.Loaded) { cfg.Policy.Audit.Off = true }

// unextended is for commands that need no executor that users made, and so need
// not wait for the MCP servers that these may be.
func unextended(cfg *config.Loaded) { cfg.ExecutorsDir = config.NoExecutors }

// runTools are the tools behind the commands that work on runs.
var runTools = []string{tools.ValidateTaskTree, tools.RunTaskTree, tools.GetRun, tools.ListRuns, tools.CancelRun, tools.RetryRun}

// unselected is for commands that need the tools that work on runs: what is
// published chooses for assistants, not for the person at the terminal.
// Excluded executors stay so.
func unselected(cfg *config.Loaded) {
	cfg.Toolsets, cfg.Tools, cfg.Discovery = nil, nil, false
	cfg.ExcludeTools = slices.DeleteFunc(cfg.ExcludeTools, func(name string) bool { return slices.Contains(runTools, name) })
}

// use calls a tool as an assistant would.
func (s *session) use(p *program, name string, arguments any) (*tools.Result, error) {
	tool, ok := p.tools.Lookup(name)
	if !ok {
		return nil, p.missing(name)
	}
	raw, isRaw := arguments.(json.RawMessage)
	if !isRaw {
		var err error
		if raw, err = encode(arguments); err != nil {
			return nil, fmt.Errorf("writing the arguments of %s: %w", name, err)
		}
	}
	return tool.Handle(s.confirming(), &tools.Request{Arguments: raw}), nil
}

// inputs reads what --inputs names: JSON, @FILE or - for stdin.
func (s *session) inputs(given string) (json.RawMessage, error) {
	text, from := []byte(given), "--inputs"
	switch name, isFile := strings.CutPrefix(given, "@"); {
	case given == "":
		return json.RawMessage("{}"), nil
	case given == "-":
		var err error
		if text, err = readAll(s.in, "stdin"); err != nil {
			return nil, err
		}
		from = "stdin"
	case isFile:
		var err error
		if text, err = readFile(name); err != nil {
			return nil, err
		}
		from = name
	}
	if _, err := strictjson.DecodeObject(text); err != nil {
		return nil, usage("%s: %w", from, err).withHint(`--inputs takes a JSON object, @FILE, or - for stdin: --inputs '{"url": "https://example.com"}'`)
	}
	return text, nil
}

func readFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, usage("%w", err)
	}
	defer file.Close()
	return readAll(file, name)
}

func readAll(r io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	switch {
	case err != nil:
		return nil, usage("reading %s: %w", name, err)
	case len(text) > maxInput:
		return nil, usage("%s is over 8 MiB", name)
	}
	return text, nil
}

// printJSON writes a value as JSON, indented for people on a terminal.
func (s *session) printJSON(v any) error {
	raw, err := encode(v)
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	if isTerminal(s.out) {
		var pretty bytes.Buffer
		if json.Indent(&pretty, raw, "", "  ") == nil {
			raw = pretty.Bytes()
		}
	}
	_, err = fmt.Fprintf(s.out, "%s\n", raw)
	return err
}

// encode is json.Marshal with nothing escaped for the sake of HTML.
func encode(v any) (json.RawMessage, error) {
	if raw, ok := v.(json.RawMessage); ok {
		return raw, nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
