// Package sequential implements sequential_task_generator. It is not a stable API.
// From an atomic task it makes a task that needs its output, and one request that
// states both.
//
// A task, a record or records are inputs of the tool (New); the command line
// calls it with files (NewTable). All use the same code: the request to the model
// (form.go), the answer to one task (answer.go), and package batch for several.
package sequential

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/tools/sequential/internal/batch"
)

// ID is the generator's id.
const ID = "sequential_task_generator"

// Generator is the executor. It is closed until UseModels sets a client with a
// model.
type Generator struct {
	executors.Executor
	client atomic.Pointer[llm.Client]
}

// New returns the generator without a client.
func New() *Generator {
	g := &Generator{}
	def := executors.MustLoad(files)
	def.BuiltIn = true
	g.Executor = executors.New(def, g.generate)
	return g
}

// UseModels sets the client that sends the requests.
func (g *Generator) UseModels(client *llm.Client) { g.client.Store(client) }

// Note implements executors.Noted.
func (g *Generator) Note() string { return g.client.Load().Note() }

// Closed reports whether no model is configured, and returns the setting for one.
func (g *Generator) Closed() (opens string, closed bool) {
	client := g.client.Load()
	if client == nil {
		return "llm.provider", true
	}
	return client.Closed()
}

// settings are the inputs that both forms of the generator have.
type settings struct {
	Params

	TaskKey      string  `json:"input_task_key"`
	Subsequent   string  `json:"output_subsequent_task_key"`
	Composed     string  `json:"output_composition_task_key"`
	Overwrite    bool    `json:"overwrite"`
	Workers      int     `json:"workers"`
	Cache        bool    `json:"cache"`
	MaxCostUSD   float64 `json:"max_cost_usd"`
	MaxTokensSum int     `json:"max_tokens_total"`
}

func (s *settings) params() Params {
	p := s.Params
	p.complete()
	return p
}

func (s *settings) keys() *Keys {
	k := &Keys{Task: s.TaskKey, Subsequent: s.Subsequent, Composed: s.Composed, Overwrite: s.Overwrite}
	k.complete()
	return k
}

// meter returns a new meter under that of the run.
func (s *settings) meter(client *llm.Client, call *executors.Call) *llm.Meter {
	return llm.NewMeter(llm.Ceiling{CostUSD: s.MaxCostUSD, Tokens: s.MaxTokensSum}, client.MeterOf(call))
}

type input struct {
	settings

	Task    *string          `json:"task"`
	Record  map[string]any   `json:"record"`
	Records []map[string]any `json:"records"`
	Timeout float64          `json:"timeout"` // applied by Registry.Invoke
}

// model returns the client, or the error of a call without one.
func (g *Generator) model() (*llm.Client, error) {
	if client := g.client.Load(); client != nil {
		return client, nil
	}
	return nil, executors.Errorf(executors.PermissionDenied, "no language model is configured")
}

func (g *Generator) generate(ctx context.Context, call *executors.Call, in input) (map[string]any, error) {
	client, err := g.model()
	if err != nil {
		return nil, err
	}
	m := newMaker(client, in.params(), in.meter(client, call), patience)
	keys := in.keys()
	given, err := in.given(keys)
	if err != nil {
		return nil, err
	}
	if in.Records == nil {
		return m.one(ctx, keys, given[0])
	}
	return m.many(ctx, call, &in, keys, given)
}

// record is an input record and its task.
type record struct {
	values map[string]any
	task   string
}

// given checks the inputs and returns the records, before any request.
func (in *input) given(keys *Keys) ([]record, error) {
	ways := 0
	for _, given := range []bool{in.Task != nil, in.Record != nil, in.Records != nil} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return nil, executors.Errorf(executors.ValidationError, "give exactly one of task, record and records; got %d of them", ways).WithField("task")
	}
	if in.Task != nil {
		keys.Task = "task"
		in.Record = map[string]any{"task": *in.Task}
		list, err := in.check(keys, in.Record)
		if err != nil {
			err.Field = "task"
			return nil, err
		}
		return list, nil
	}
	if in.TaskKey == "" {
		return nil, executors.Errorf(executors.ValidationError, "is required with record and records: the key that holds the task").WithField("input_task_key")
	}
	if in.Record != nil {
		list, err := in.check(keys, in.Record)
		if err != nil {
			err.Field = "record"
			return nil, err
		}
		return list, nil
	}
	var all []record
	for i, each := range in.Records {
		list, err := in.check(keys, each)
		if err != nil {
			return nil, err.WithField("records[" + strconv.Itoa(i) + "]")
		}
		all = append(all, list...)
	}
	return all, nil
}

func (in *input) check(keys *Keys, values map[string]any) ([]record, *executors.Error) {
	params := in.params()
	if err := keys.check(&params, func(name string) bool { _, has := values[name]; return has }); err != nil {
		return nil, err
	}
	value, has := values[keys.Task]
	task, isText := value.(string)
	if reason := badTask(has, isText, task); reason != "" {
		return nil, executors.Errorf(executors.ValidationError, "the task under %q %s", keys.Task, reason)
	}
	return []record{{values, task}}, nil
}

// one returns the answer to a single record.
func (m *maker) one(ctx context.Context, keys *Keys, r record) (map[string]any, error) {
	a, failed := m.answer(ctx, r.task)
	out, err := r.with(keys, &a)
	if err != nil {
		return nil, err
	}
	if failed != nil {
		return out, failed
	}
	return out, nil
}

// with returns the record with an answer added.
func (r record) with(keys *Keys, a *Answer) (map[string]any, error) {
	out := maps.Clone(r.values)
	for _, m := range keys.members(a, nil) {
		out[m.Name] = m.Value
	}
	return out, nil
}

// many returns the answers to all records.
func (m *maker) many(ctx context.Context, call *executors.Call, in *input, keys *Keys, given []record) (map[string]any, error) {
	out := make([]any, 0, len(given))
	var counts Counts
	var speed pace
	next := 0
	stopped := batch.Run(ctx, batch.Options{
		Workers: min(in.Workers, len(given)), Store: batch.NewMemory(), Do: m.result,
		Next: func() (batch.Item, error) {
			if next == len(given) {
				return batch.Item{}, io.EOF
			}
			next++
			return batch.Item{Key: keyOf(in.Cache, "", given[next-1].task, next), Task: given[next-1].task}, nil
		},
		Write: func(result []byte) error {
			r := given[len(out)]
			if result == nil {
				counts.Unreached++
				out = append(out, r.values)
				return nil
			}
			var a Answer
			if err := json.Unmarshal(result, &a); err != nil {
				return err
			}
			counts.add(&a)
			each, err := r.with(keys, &a)
			out = append(out, each)
			call.Progress(executors.Progress{Done: float64(len(out)), Total: float64(len(given)), Message: speed.after(time.Now(), len(out), len(given), counts)})
			return err
		},
	})
	result := map[string]any{"records": out, "counts": counts, "usage": m.meter.Used()}
	if stopped != nil {
		return result, stopped
	}
	return result, nil
}

// keyOf returns the key of a row's work: a hash of the parameters and the task,
// and without the cache also of the row's number.
func keyOf(cache bool, params, task string, row int) batch.Key {
	if cache {
		return batch.KeyOf(params, task)
	}
	return batch.KeyOf(params, task, strconv.Itoa(row))
}
