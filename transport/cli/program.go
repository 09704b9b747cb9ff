package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/nested"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/open"
	"github.com/chainwright/chainwright/chain/store/sqlite"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/external"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/mcp"
	"github.com/chainwright/chainwright/executors/nearest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/tasktree"
	"github.com/chainwright/chainwright/transport/cli/config"
)

// program is the parts, wired: what may be done, what can be done, where it
// is recorded, who does it, and what is published of it.
type program struct {
	config   *config.Loaded
	log      zerolog.Logger
	policy   *policy.Policy
	models   *llm.Client
	registry *executors.Registry
	store    store.Store
	runner   *chain.Runner
	external *external.Folder // nil: there is none
	planner  *tasktree.Generator
	tools    *tools.Set
	tidy     *time.Timer // nil: nothing is served
}

// assemble wires the program from its configuration. Close frees it.
func assemble(ctx context.Context, cfg *config.Loaded, log zerolog.Logger, execs []executors.Executor, change ...func(*external.Options)) (*program, error) {
	p := &program{config: cfg, log: log}
	tuneMemory(cfg.Memory)

	var err error
	if p.policy, err = policy.New(cfg.Policy); err != nil {
		return nil, p.abandon(ctx, usage("the policy: %w", err).withHint(unwritable(cfg, err)))
	}
	if p.models, err = llm.NewClient(cfg.LLM); err != nil {
		return nil, p.abandon(ctx, usage("the language models: %w", err))
	}
	llm.Connect(p.models, execs...)
	for name, key := range p.models.Keys() {
		p.policy.Know(name, key)
	}
	if p.registry, err = executors.NewRegistry(p.policy, log, execs...); err != nil {
		return nil, p.abandon(ctx, fmt.Errorf("the executors: %w", err))
	}
	if p.store, err = openStore(cfg, log); err != nil {
		return nil, p.abandon(ctx, fmt.Errorf("opening the store %s: %w", cfg.Store, err))
	}
	p.runner = chain.NewRunner(chain.RunnerOptions{
		Registry: p.registry, Store: p.store, Log: log, MaxParallel: cfg.Policy.Limits.MaxParallel, Grace: cfg.Grace,
	})
	if err = p.addGenerators(); err != nil {
		return nil, p.abandon(ctx, err)
	}
	p.openExternal(change)
	published := tools.Options{
		Runner: p.runner, Registry: p.registry, Log: log, Discovery: cfg.Discovery, Trees: savedTrees(p.treesFolder()),
		Selection: tools.Selection{Toolsets: cfg.Toolsets, Tools: cfg.Tools, Exclude: cfg.ExcludeTools, ReadOnly: cfg.Policy.ReadOnly},
	}
	p.tools, err = tools.Build(published)
	if err != nil && p.external != nil && p.external.Await() { // the tool that is not there may have come
		p.tools, err = tools.Build(published)
	}
	if err != nil {
		return nil, p.abandon(ctx, usage("choosing the tools: %w", err))
	}
	return p, nil
}

// unwritable is what helps where there is no audit trail to write: not having
// one has to be said.
func unwritable(cfg *config.Loaded, err error) string {
	if !strings.HasPrefix(err.Error(), "policy.audit.path: ") || cfg.Source("policy.audit.path") != "default" {
		return ""
	}
	return "the audit trail is in the data folder: name one that can be written with CHAINWRIGHT_DATA_DIR, or keep nothing with --store memory and CHAINWRIGHT_POLICY_AUDIT_OFF=true"
}

// openStore makes the store, which touches the disk at its first use only.
func openStore(cfg *config.Loaded, log zerolog.Logger) (store.Store, error) {
	return open.Open(cfg.Store, open.Options{SQLite: sqlite.Options{
		MaxAge: cfg.Records.Keep, MaxBytes: int64(cfg.Records.MaxBytes),
		OnError: func(err error) { log.Error().Err(err).Msg("recording a run") },
	}})
}

// patience is how long the folder of executors may take before a person is told
// what is being waited for: it names MCP servers, which are asked for their
// tools.
const patience = time.Second

// openExternal adds the executors that users made.
func (p *program) openExternal(change []func(*external.Options)) {
	dir := p.config.ExecutorsDir
	if dir == "" || dir == config.NoExecutors {
		return
	}
	late := time.AfterFunc(patience, func() {
		p.log.Warn().Str("folder", dir).Msg("still reading the folder of executors: an MCP server that it names takes its time")
	})
	defer late.Stop()
	opts := external.Options{
		Dir: dir, Registry: p.registry, Log: p.log, Trees: nested.New(p.runner, p.registry, p.config.Grace), Peers: mcp.NewPeers(p.policy),
		Reserved: append([]string{tools.FindExecutor, tools.DescribeExecutor, tools.RunExecutor}, runTools...),
	}
	for _, each := range change {
		each(&opts)
	}
	p.external = external.Open(opts)
}

// watch follows the folder of executors while the program serves.
func (p *program) watch() {
	if p.external != nil {
		p.external.Watch()
	}
}

// close ends what runs, within the grace period, and frees everything.
func (p *program) close(ctx context.Context) error {
	var errs []error
	if p.tidy != nil {
		p.tidy.Stop()
	}
	if p.external != nil {
		errs = append(errs, p.external.Close())
	}
	if p.runner != nil {
		errs = append(errs, p.runner.Close(ctx))
	}
	if p.store != nil {
		errs = append(errs, p.store.Close())
	}
	if p.registry != nil {
		errs = append(errs, p.registry.Close())
	}
	if p.models != nil {
		errs = append(errs, p.models.Close())
	}
	if p.policy != nil {
		errs = append(errs, p.policy.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}

func (p *program) abandon(ctx context.Context, err error) error {
	return errors.Join(err, p.close(ctx))
}

// tuneMemory trades memory for speed as configured; GOGC and GOMEMLIMIT win.
func tuneMemory(m config.Memory) {
	if os.Getenv("GOGC") == "" && m.GCPercent > 0 {
		debug.SetGCPercent(m.GCPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" && m.Limit > 0 {
		debug.SetMemoryLimit(int64(m.Limit))
	}
}

func savedTrees(folder string) fs.FS {
	if folder == "" {
		return nil
	}
	return os.DirFS(folder)
}

// missing says why a tool can't be called here, and what would help.
func (p *program) missing(name string) error {
	if setting, closed := p.registry.Closed(name); closed {
		return &exit{code: exitDenied, err: fmt.Errorf("%s is closed by policy", name), hint: "open it with " + setting}
	}
	var names []string
	for _, tool := range p.tools.Tools() {
		names = append(names, tool.Name)
	}
	if _, known := p.registry.Lookup(name); known {
		return usage("%s is not published as a tool", name).withHint("it can be used in a task tree; toolsets, tools, exclude_tools and discovery choose what is published")
	}
	return usage("there is no tool %q", name).withHint(closest(name, names, "`chainwright tools` lists them"))
}

func closest(name string, known []string, otherwise string) string {
	if hint := nearest.Hint(name, known); hint != "" {
		return hint
	}
	return otherwise
}

// listed joins names for a sentence.
func listed(names []string) string { return strings.Join(names, ", ") }
