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
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/app"
	"github.com/chainwright/chainwright/transport/internal/config"
)

// maxInput bounds what a command reads from a file or stdin.
const maxInput = 8 << 20

// session holds what every command needs.
type session struct {
	streams
	ctx       context.Context
	globals   *globals
	executors []executors.Executor
	yes       bool      // --yes: every confirmation is accepted
	showing   *progress // hidden while a question is asked
	forgets   bool      // the store ends with the process
	json      bool      // --json was given
	printed   bool      // JSON was printed
	aside     bool      // JSON goes to stderr, because stdout is for MCP
	watchdog  *watchdog // limits how long stopping takes
	root      *cobra.Command
}

func newSession(ctx context.Context, std streams, execs []executors.Executor) *session {
	s := &session{streams: std, ctx: ctx, globals: &globals{}, executors: execs, watchdog: newWatchdog(std.err)}
	s.root = s.commands()
	return s
}

// load reads the configuration.
func (s *session) load() (*config.Loaded, error) { return s.loadWith(s.globals.Config, false) }

// review reads the configuration with the file in the working folder as if it
// were approved.
func (s *session) review() (*config.Loaded, error) { return s.loadWith(s.globals.Config, true) }

func (s *session) loadWith(file string, review bool) (*config.Loaded, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("finding the working folder: %w", err)
	}
	cfg, err := config.Load(config.Sources{
		File: file, Flags: s.globals.flags(), Environ: os.Environ(), Dir: dir, Review: review,
	})
	if err == nil {
		s.watchdog.grace.Store(int64(cfg.Grace))
	}
	return cfg, err
}

// logger returns a logger to stderr: text or lines of JSON.
func (s *session) logger(level, format string) zerolog.Logger {
	parsed, err := zerolog.ParseLevel(level)
	if err != nil {
		parsed = zerolog.InfoLevel
	}
	out := s.err
	if format == config.LogText || format != config.LogJSON && isTerminal(s.err) {
		out = readable(s.err)
	}
	return zerolog.New(out).Level(parsed).With().Timestamp().Logger()
}

// readable returns a writer that turns log lines into text. On a stream with
// colours it colours them.
func readable(stream io.Writer) io.Writer {
	text := zerolog.ConsoleWriter{Out: stream, TimeFormat: "15:04:05", NoColor: true}
	ink, ok := stream.(*painted)
	if !ok {
		return text
	}
	text.NoColor, text.Out = false, ink.to
	if on, ok := ink.to.(screen); ok {
		text.Out = on.file // a screen would escape the colours
	}
	text.FormatMessage = func(message any) string { // fields are quoted
		if message == nil {
			return ""
		}
		return harmless(fmt.Sprint(message))
	}
	return text
}

// open loads the configuration and builds the program for a person's command. It
// logs only warnings and errors unless the log level is set.
func (s *session) open(change ...func(*config.Loaded)) (*program, error) {
	return s.openWith(nil, change...)
}

func (s *session) openWith(more []app.Option, change ...func(*config.Loaded)) (*program, error) {
	cfg, err := s.load()
	if err != nil {
		return nil, err
	}
	if warning := cfg.Warning(); warning != "" {
		fmt.Fprintf(s.err, "warning: %s\n", warning)
	}
	for _, each := range change {
		each(cfg)
	}
	s.forgets = cfg.Store == "memory"
	level := cfg.LogLevel
	if cfg.Source("log_level") == "default" {
		level = zerolog.WarnLevel.String()
	}
	return assemble(s.ctx, cfg, s.logger(level, cfg.LogFormat), s.executors, append(more, app.WithPeersOnDemand())...)
}

// unaudited turns the audit trail off, for commands that call no executor. Then
// they write nothing to the disk.
func unaudited(cfg *config.Loaded) { cfg.Policy.Audit.Off = true }

// unextended loads no user-made executors, for commands that do not need them.
// Then they do not wait for MCP servers.
func unextended(cfg *config.Loaded) { cfg.ExecutorsDir = config.NoExecutors }

// unselected publishes the tools for runs, for commands that need them. The
// selection of tools is for assistants, not for a person at a terminal. Excluded
// executors stay excluded.
func unselected(cfg *config.Loaded) {
	cfg.Toolsets, cfg.Tools, cfg.Within, cfg.Discovery = nil, nil, nil, false
	cfg.ExcludeTools = slices.DeleteFunc(cfg.ExcludeTools, func(name string) bool { return slices.Contains(tools.RunTools, name) })
}

// use calls a tool as an assistant does.
func (s *session) use(p *program, name string, arguments any, change ...func(*tools.Request)) (*tools.Result, error) {
	raw, isRaw := arguments.(json.RawMessage)
	if !isRaw {
		var err error
		if raw, err = plainjson.Marshal(arguments); err != nil {
			return nil, fmt.Errorf("writing the arguments of %s: %w", name, err)
		}
	}
	req := &tools.Request{Arguments: raw}
	for _, each := range change {
		each(req)
	}
	return s.call(p, name, req)
}

// inputs reads the value of --inputs: JSON, @FILE, or - for stdin.
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
	data, err := policy.ReadRegular(name, maxInput)
	if err != nil {
		return nil, usage("reading %s: %w", name, err)
	}
	return data, nil
}

func readAll(r io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	switch {
	case err != nil:
		return nil, usage("reading %s: %w", name, err)
	case len(text) > maxInput:
		return nil, usage("%s is larger than 8 MiB", name)
	}
	return text, nil
}

// printJSON writes a value as JSON, indented for people on a terminal.
func (s *session) printJSON(v any) error {
	raw, err := plainjson.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	if isTerminal(s.out) && !s.aside {
		var pretty bytes.Buffer
		if json.Indent(&pretty, raw, "", "  ") == nil {
			raw = pretty.Bytes()
		}
	}
	return s.putJSON(raw)
}

// printJSONLine prints a value as one line of JSON.
func (s *session) printJSONLine(v any) error {
	raw, err := plainjson.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return s.putJSON(raw)
}

// putJSON prints JSON text to stdout, or to stderr if stdout is for MCP.
func (s *session) putJSON(raw []byte) error {
	s.printed = true
	out := s.out
	if s.aside {
		out = s.err
	}
	_, err := fmt.Fprintf(out, "%s\n", raw)
	return err
}
