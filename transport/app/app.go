// Package app builds a chainwright server for a Go program: the built-in
// executors and the program's own, task trees, the records of runs, and MCP
// over HTTP or stdio.
//
//	server, err := app.New(ctx, app.WithExecutors(mine.New()))
//	if err != nil {
//		return err
//	}
//	defer server.Close(ctx)
//	return server.ServeStdio(ctx)
//
// Options that the program does not set have the defaults of the chainwright
// command: policy allows nothing dangerous, and the records of runs and the
// audit trail are files in the user's data folder. New reads no configuration
// file, no CHAINWRIGHT_ variable and no folder of executors. For a program with
// the whole command line, see package transport/cli.
package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/nested"
	"github.com/chainwright/chainwright/chain/saved"
	"github.com/chainwright/chainwright/chain/schedule"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/external"
	"github.com/chainwright/chainwright/executors/llm"
	peers "github.com/chainwright/chainwright/executors/mcp"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/telemetry"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/tools/promptchain"
	"github.com/chainwright/chainwright/tools/sequential"
	"github.com/chainwright/chainwright/tools/tasktree"
	"github.com/chainwright/chainwright/transport/internal/http"
	"github.com/chainwright/chainwright/transport/mcp"
)

// App is one server with all its parts. It is safe for concurrent use.
type App struct {
	options   options
	policy    *policy.Policy
	models    *llm.Client
	registry  *executors.Registry
	store     store.Store
	runner    chain.Engine
	engine    *engine.Engine   // the runner, to have it adopt runs; nil: runs are driven elsewhere
	work      func() error     // begins to do tasks of runs that are driven elsewhere; nil: they are driven here
	folder    *external.Folder // nil: no folder of executors
	tools     *tools.Set
	book      *schedule.Book       // nil: no folder of saved trees
	traces    *traces              // nil: there are none
	metrics   *telemetry.Metrics   // nil: nothing is counted
	telemetry *telemetry.Telemetry // nil: both are off

	mu  sync.Mutex // guards the two below, which are created on first use
	mcp *mcp.Server
	web *http.Server
}

// New builds a server. It starts only the watch of the folder of executors, if
// there is one; Handler, Serve and ServeStdio serve. The caller must call
// Close. An invalid option is reported as a *SettingError.
func New(ctx context.Context, opts ...Option) (*App, error) {
	a := &App{}
	err := a.options.complete(opts)
	if err == nil {
		err = a.build(ctx)
	}
	if err == nil {
		err = a.publish(ctx)
	}
	if err == nil && a.work != nil {
		err = a.work()
	}
	if err != nil {
		return nil, errors.Join(err, a.Close(ctx))
	}
	return a, nil
}

// build creates the parts from the bottom up: policy, executors, store, engine.
func (a *App) build(ctx context.Context) error {
	o := &a.options
	var err error
	var opts []policy.Option
	if o.configFile != "" && o.approved {
		opts = append(opts, policy.WithProtected(o.configFile))
	}
	if a.policy, err = policy.New(o.policy, opts...); err != nil {
		return &SettingError{"policy", err}
	}
	if err = a.policy.Trust(o.trusted()...); err != nil {
		return &SettingError{"policy", err}
	}
	if a.models, err = llm.NewClient(o.models); err != nil {
		return &SettingError{"language models", err}
	}
	llm.Connect(a.models, o.executors...)
	for name, key := range a.models.Keys() {
		a.policy.Know(name, key)
	}
	if at, err := url.Parse(o.store); err == nil && at.User != nil {
		if password, ok := at.User.Password(); ok {
			a.policy.Know("store", password)
		}
	}
	if a.registry, err = executors.NewRegistry(a.policy, o.log, o.executors...); err != nil {
		return fmt.Errorf("registering the executors: %w", err)
	}
	if a.store, err = openStore(o.store, storeOptions{
		keep: o.keep, maxBytes: o.maxBytes,
		onError: func(err error) { o.log.Error().Err(err).Msg("recording a run") },
	}); err != nil {
		return &SettingError{"store", err}
	}
	if err = a.measure(ctx); err != nil {
		return &SettingError{"telemetry", err}
	}
	a.engine = engine.New(engine.Options{
		Telemetry: a.telemetry,
		Registry:  a.registry, Store: a.store, Log: o.log, MaxParallel: o.policy.Limits.MaxParallel, Grace: o.grace,
		Config: o.configDigest,
	})
	a.runner = a.engine
	if o.engine != "" {
		if err := a.runElsewhere(ctx); err != nil {
			return &SettingError{"engine", err}
		}
	}
	if engine, ok := a.runner.(interface{ Load() engine.Load }); ok && a.metrics != nil {
		gauges(a.metrics, engine.Load)
	}
	return nil
}

// publish adds the executors that use the engine, and creates the tools.
func (a *App) publish(ctx context.Context) error {
	o := &a.options
	for _, generator := range []executors.Executor{
		tasktree.New(tasktree.Options{Registry: a.registry, Runner: a.runner, Trees: o.trees, Exclude: o.selection.Exclude, HideNames: o.hideNames}),
		sequential.New(),
		promptchain.New(promptchain.Options{Registry: a.registry, Runner: a.runner, Exclude: o.selection.Exclude}),
	} {
		llm.Connect(a.models, generator)
		if err := a.registry.Register(generator); err != nil {
			return fmt.Errorf("registering the generators: %w", err)
		}
	}
	a.registry.Exclude(o.selection.Exclude...)
	if folder := a.savedTrees(); folder != nil {
		a.registry.SetTrees(saved.Folder{FS: folder, Log: o.log})
		a.book = schedule.NewBook(a.store, a.registry)
	}
	a.openFolder()
	published := tools.Options{
		Runner: a.runner, Registry: a.registry, Log: o.log, Discovery: o.selection.Discovery, Trees: a.savedTrees(), Schedules: a.book,
		Selection: tools.Selection{
			Toolsets: o.selection.Toolsets, Tools: o.selection.Tools, Exclude: o.selection.Exclude, ReadOnly: o.policy.ReadOnly,
			Within: o.selection.within(),
		},
	}
	var err error
	a.tools, err = tools.Build(published)
	if err != nil && a.folder != nil && a.folder.Await(ctx) { // the selected tool may be listed late
		a.tools, err = tools.Build(published)
	}
	if err != nil {
		return &SettingError{"selection of tools", err}
	}
	err = a.checkTokens()
	if err != nil && a.folder != nil && a.folder.Await(ctx) {
		err = a.checkTokens()
	}
	if err != nil {
		return &SettingError{"HTTP tokens", err}
	}
	return nil
}

const (
	// listWait is the longest time that New waits for the MCP servers in the
	// folder of executors. Clients give up on a server that starts slowly;
	// tools that are listed later are announced to them.
	listWait = 2 * time.Second
	// quietWait is the time after which New logs that it waits for them.
	quietWait = time.Second
)

// openFolder adds the user-made executors.
func (a *App) openFolder() {
	o := &a.options
	if o.executorsDir == "" {
		return
	}
	late := time.AfterFunc(quietWait, func() {
		o.log.Warn().Str("folder", o.executorsDir).Msg("still waiting for an MCP server in the folder of executors")
	})
	defer late.Stop()
	a.folder = external.Open(external.Options{
		Dir: o.executorsDir, Registry: a.registry, Log: o.log, Wait: listWait, OnDemand: o.onDemand,
		Trees: nested.New(a.runner, a.registry, o.grace), Peers: peers.NewPeers(a.policy),
		Reserved: append([]string{tools.AnswerRun, tools.FindExecutor, tools.DescribeExecutor, tools.RunExecutor, tools.ListSchedules, tools.SetSchedule}, tools.RunTools...),
	})
	if o.onDemand {
		a.registry.OnMissing(a.folder.Need)
	}
}

// savedTrees returns the folder of saved trees. A tree is checked when it is
// opened, because callers may have got access to the folder since the start.
func (a *App) savedTrees() fs.FS {
	if a.options.trees == "" {
		return nil
	}
	return trees{a.policy, a.options.trees}
}

type trees struct {
	policy *policy.Policy
	folder string
}

// Open opens the folder itself, or a regular file in it.
func (t trees) Open(name string) (fs.File, error) {
	path := filepath.Join(t.folder, filepath.FromSlash(name))
	if name == "." {
		return os.Open(path)
	}
	file, err := t.policy.OpenTrusted(policy.Trusted{Setting: "the saved tree", Path: path})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return file, nil
}

// Runner returns the engine that runs task trees and single calls.
func (a *App) Runner() chain.Engine { return a.runner }

// Registry returns the executors. The program may register and withdraw its own
// at any time; clients are notified.
func (a *App) Registry() *executors.Registry { return a.registry }

// Parts are the parts that the command line needs as well. They are not a
// stable API.
type Parts struct {
	Tools  *tools.Set
	Models *llm.Client
	Store  store.Store
	Folder *external.Folder // nil: no folder of executors
	// Permit returns an error if a principal may not run a tree on a schedule.
	Permit func(principal string, tree *chain.Tree) error
	app    *App
}

// Parts returns the parts that only the command line needs.
func (a *App) Parts() Parts {
	return Parts{Tools: a.tools, Models: a.models, Store: a.store, Folder: a.folder, Permit: a.permit, app: a}
}

// Close ends the sessions, stops what runs within 1.5 seconds, and releases
// everything. A second Close has no effect.
func (a *App) Close(ctx context.Context) error {
	var errs []error
	a.mu.Lock()
	if a.web != nil {
		errs = append(errs, a.web.Close(ctx))
	}
	a.mu.Unlock()
	if a.folder != nil {
		errs = append(errs, a.folder.Close())
	}
	if a.runner != nil {
		errs = append(errs, a.runner.Close(ctx))
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.registry != nil {
		errs = append(errs, a.registry.Close())
	}
	if a.models != nil {
		errs = append(errs, a.models.Close())
	}
	if a.policy != nil {
		errs = append(errs, a.policy.Close())
	}
	if a.traces != nil {
		a.traces.close(ctx)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	return nil
}

// SettingError is the error of an invalid option.
type SettingError struct {
	Setting string // in words: "policy", "store"
	Err     error
}

// Error returns the setting and the reason.
func (e *SettingError) Error() string { return "the " + e.Setting + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *SettingError) Unwrap() error { return e.Err }
