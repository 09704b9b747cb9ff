//go:build temporal

package temporal

import (
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/chainwright/chainwright/chain/store"
)

// build grows with each change after which the workflow would decide otherwise
// about a history from before, or after which activities read their inputs
// otherwise: TestReplay fails then. It is in the names of the task queues, so a run
// is continued only by programs of the build that started it. This holds with any
// version of the server and needs no current version to be set on it, unlike worker
// deployments, and a program of a former build still works for new runs.
const build = "1"

const (
	defaultQueue    = "chainwright"
	defaultParallel = 64
	// nestedParallel is how many tasks of runs that were started from inside a
	// task a process does at once: those wait for nothing but each other, and
	// have task queues of their own, so that the tasks that wait for them can't
	// be in their way.
	nestedParallel = 10_000
	// groupDocker is the group of executors that need a Docker daemon.
	groupDocker  = "docker"
	dockerEngine = "docker_executor"
	// stopTime is how long activities may take to stop with their worker.
	stopTime = time.Second
)

// groupOf returns the group of executors whose tasks have a queue of their own, or
// "".
func groupOf(executor string) string {
	if executor == dockerEngine {
		return groupDocker
	}
	return ""
}

// queueOf returns the name of a task queue.
func queueOf(prefix, group string, nested bool) string {
	if group != "" {
		prefix += "-" + group
	}
	if nested {
		prefix += "-nested"
	}
	return prefix
}

// startWorkers starts the workers of the task queues whose executors this process
// has open.
func (e *Engine) startWorkers() error {
	groups := []string{""}
	if _, closed := e.opts.Registry.Closed(dockerEngine); !closed {
		if _, there := e.opts.Registry.Lookup(dockerEngine); there {
			groups = append(groups, groupDocker)
		}
	}
	parallel := e.opts.MaxParallel
	if parallel == 0 {
		parallel = e.opts.Registry.Policy().Limits().MaxParallel
	}
	if parallel == 0 {
		parallel = defaultParallel
	}
	a := &activities{e}
	for _, group := range groups {
		for _, nested := range []bool{false, true} {
			opts := worker.Options{
				MaxConcurrentActivityExecutionSize: parallel, WorkerStopTimeout: stopTime,
				MaxHeartbeatThrottleInterval: e.opts.BeatEvery, DefaultHeartbeatThrottleInterval: e.opts.BeatEvery,
				DisableWorkflowWorker: group != "" || nested, DisableRegistrationAliasing: true,
			}
			if nested {
				opts.MaxConcurrentActivityExecutionSize = nestedParallel
			}
			w := worker.New(e.client, queueOf(e.opts.Queue, group, nested), opts)
			if !opts.DisableWorkflowWorker {
				w.RegisterWorkflowWithOptions(runTree, workflow.RegisterOptions{Name: workflowRun})
			}
			register(w, a)
			if err := w.Start(); err != nil {
				return fmt.Errorf("starting the worker: %w", err)
			}
			e.workers = append(e.workers, w)
		}
	}
	return nil
}

func register(w worker.Registry, a *activities) {
	for name, fn := range map[string]any{
		activityExecute: a.ExecuteTask, activityLoad: a.LoadRun, activityRecord: a.RecordChanges, activitySettle: a.SettleTask,
		activityCollect: a.CollectElements, activityEnd: a.EndRun, activityOutcome: a.EndTasks, activityAnswer: a.TakeAnswer,
	} {
		w.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
}

func isChanged(err error) bool { return errors.Is(err, store.ErrChanged) }

// logger passes on what the SDK logs, each at a lower level: it warns of
// what is expected, such as activities that are cancelled.
type logger struct{ log zerolog.Logger }

func (l logger) Debug(msg string, values ...any) { l.write(l.log.Trace(), msg, values) }
func (l logger) Info(msg string, values ...any)  { l.write(l.log.Debug(), msg, values) }
func (l logger) Warn(msg string, values ...any)  { l.write(l.log.Debug(), msg, values) }
func (l logger) Error(msg string, values ...any) { l.write(l.log.Warn(), msg, values) }

func (logger) write(e *zerolog.Event, msg string, values []any) {
	e.Fields(values).Msg("temporal: " + msg)
}
