package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/external"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/nearest"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/app"
	"github.com/chainwright/chainwright/transport/internal/config"
)

// program is the server that a command uses, with its configuration.
type program struct {
	app      *app.App
	config   *config.Loaded
	log      zerolog.Logger
	registry *executors.Registry
	runner   chain.Engine
	tools    *tools.Set
	models   *llm.Client
	store    store.Store
	external *external.Folder // nil: no folder of executors
	permit   func(principal string, tree *chain.Tree) error
	tidy     *time.Timer // nil: nothing is served
}

// assemble builds the server from the configuration. Call close to free it.
func assemble(ctx context.Context, cfg *config.Loaded, log zerolog.Logger, execs []executors.Executor, more ...app.Option) (*program, error) {
	tuneMemory(cfg.Memory)
	executorsDir := cfg.ExecutorsDir
	if executorsDir == config.NoExecutors {
		executorsDir = ""
	}
	measured, err := measure(cfg)
	if err != nil {
		log.Warn().Err(err).Msg("the OTEL_ variables are not used")
	}
	a, err := app.New(ctx, append([]app.Option{
		app.WithTelemetry(measured),
		app.WithoutBuiltin(), app.WithExecutors(execs...), app.WithExecutorsDir(executorsDir),
		app.WithPolicy(cfg.Policy), app.WithModels(cfg.LLM), app.WithDataDir(cfg.DataDir),
		app.WithStore(cfg.Store), app.WithRecords(cfg.Records.Keep, int64(cfg.Records.MaxBytes)), app.WithTrees(treesFolder(cfg)),
		app.WithSharedNames(cfg.Planner.ShareNames),
		app.WithSelection(selection(cfg)),
		app.WithHTTP(app.HTTP{
			Token: os.Getenv(cfg.HTTP.TokenEnv), Tokens: tokens(cfg), Origins: cfg.HTTP.Origins, Hosts: cfg.HTTP.Hosts, Stateless: cfg.HTTP.Stateless,
			PublicURL: cfg.HTTP.PublicURL, OAuth: oauthOf(cfg),
		}),
		app.WithGrace(cfg.Grace), app.WithLogger(log), app.WithVersion(version()), app.WithConfigDigest(cfg.Digest()),
		app.WithConfigFile(cfg.File, cfg.Approved),
	}, more...)...)
	var setting *app.SettingError
	switch {
	case errors.As(err, &setting):
		return nil, usage("%w", err).withHint(unwritable(cfg, setting.Err))
	case err != nil:
		return nil, err
	}
	parts := a.Parts()
	return &program{
		app: a, config: cfg, log: log, registry: a.Registry(), runner: a.Runner(),
		tools: parts.Tools, models: parts.Models, store: parts.Store, external: parts.Folder, permit: parts.Permit,
	}, nil
}

// tokens returns the named tokens, with the values of their variables.
func tokens(cfg *config.Loaded) []app.Token {
	var list []app.Token
	for _, name := range slices.Sorted(maps.Keys(cfg.HTTP.Tokens)) {
		t := cfg.HTTP.Tokens[name]
		token := app.Token{Name: name, File: t.File, Principal: cmp.Or(t.Principal, name), Scopes: t.Scopes}
		if t.Env != "" {
			token.Value = os.Getenv(t.Env)
		}
		list = append(list, token)
	}
	return list
}

// oauthOf returns the settings of OAuth; nil: it is off.
func oauthOf(cfg *config.Loaded) *app.OAuth {
	o := &cfg.OAuth
	if !o.IsSet() {
		return nil
	}
	return &app.OAuth{Issuers: o.Issuers, Audiences: o.Audiences, Algorithms: o.Algorithms, RolesClaim: o.RolesClaim, Scopes: o.Scopes, CAFile: o.CAFile, PageClientID: o.PageClientID}
}

func selection(cfg *config.Loaded) app.Selection {
	s := app.Selection{Toolsets: cfg.Toolsets, Tools: cfg.Tools, Exclude: cfg.ExcludeTools, Discovery: cfg.Discovery}
	if cfg.Within != nil {
		s.Within = &app.Selection{Toolsets: cfg.Within.Toolsets, Tools: cfg.Within.Tools}
	}
	return s
}

// unwritable returns the hint for a default audit trail that can't be written.
// Only the operator can turn the audit trail off.
func unwritable(cfg *config.Loaded, err error) string {
	if !strings.HasPrefix(err.Error(), "policy.audit.path: ") || cfg.Source("policy.audit.path") != "default" {
		return ""
	}
	return "the audit trail is in the data folder: set a writable one with CHAINWRIGHT_DATA_DIR, or keep no records with --store memory and CHAINWRIGHT_POLICY_AUDIT_OFF=true"
}

// treesFolder returns the folder of saved trees. The default is in the data
// folder.
func treesFolder(cfg *config.Loaded) string {
	if cfg.Trees == "" && cfg.DataDir != "" {
		return filepath.Join(cfg.DataDir, "trees")
	}
	return cfg.Trees
}

// quietWait is the time after which a command says that it waits.
const quietWait = time.Second

// complete waits until all MCP servers in the folder of executors have listed
// their tools. A server that serves clients need not wait: it announces tools
// that arrive later.
func (p *program) complete(ctx context.Context) {
	if p.external != nil {
		late := time.AfterFunc(quietWait, func() {
			p.log.Warn().Str("folder", p.external.Dir()).Msg("still waiting for an MCP server in the folder of executors")
		})
		defer late.Stop()
		p.external.Await(ctx)
	}
}

// listFor is how long a list waits for the MCP servers in the folder of executors.
const listFor = 5 * time.Second

// completeFor is complete for lists. A server that does not answer in time is left
// out, with a warning.
func (p *program) completeFor(s *session) {
	if p.external == nil {
		return
	}
	ctx, stop := context.WithTimeout(s.ctx, listFor)
	defer stop()
	p.complete(ctx)
	for _, file := range p.external.Pending() {
		fmt.Fprintf(s.err, "warning: %s: the MCP server has not listed its tools within %v; they are missing here\n", file, listFor)
	}
}

// close stops running work within the grace period and frees everything.
func (p *program) close(ctx context.Context) error {
	if p.tidy != nil {
		p.tidy.Stop()
	}
	return p.app.Close(ctx)
}

// tuneMemory sets the garbage collector as configured. GOGC and GOMEMLIMIT
// override the configuration.
func tuneMemory(m config.Memory) {
	if os.Getenv("GOGC") == "" && m.GCPercent > 0 {
		debug.SetGCPercent(m.GCPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" && m.Limit > 0 {
		debug.SetMemoryLimit(int64(m.Limit))
	}
}

// missing returns the error for a tool that can't be called, with a hint.
func (p *program) missing(name string) error {
	if setting, closed := p.registry.Closed(name); closed {
		return &exit{code: exitDenied, err: fmt.Errorf("%s is closed by policy", name), hint: "open it with " + setting}
	}
	var names []string
	for _, tool := range p.tools.Tools() {
		names = append(names, tool.Name)
	}
	if _, known := p.registry.Lookup(name); known {
		return usage("%s is not published as a tool", name).withHint("use it in a task tree, or publish it: see toolsets, tools, exclude_tools and discovery")
	}
	return usage("there is no tool %q", name).withHint(closest(name, names, "`chainwright tools` lists them"))
}

func closest(name string, known []string, otherwise string) string {
	if hint := nearest.Hint(name, known); hint != "" {
		return hint
	}
	return otherwise
}

// listed joins names with commas.
func listed(names []string) string { return strings.Join(names, ", ") }
