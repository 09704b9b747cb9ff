package tasktree

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/tools/tasktree/brief"
)

// repairs is how many times a tree is sent back to the model with its problems.
const repairs = 3

var replySchema = sync.OnceValues(func() (*llm.Schema, error) {
	return llm.NewSchema("task_tree", brief.ReplySchema())
})

// byModel plans with a language model. Its reply is validated, and sent back
// with all its problems until it is valid.
func (g *Generator) byModel(ctx context.Context, call *executors.Call, in Input, exclude []string) (*plan, error) {
	client := g.client.Load()
	if client == nil {
		return nil, executors.Errorf(executors.PermissionDenied, "no language model is configured").WithField("llm_provider").
			WithHint("set llm_provider to caller to plan yourself, or to builtin to plan by rules")
	}
	schema, err := replySchema()
	if err != nil {
		return nil, executors.AsError(fmt.Errorf("the schema of the reply: %w", err))
	}
	told := g.brief(ctx, in, exclude)
	judge := &judge{g: g, in: in, exclude: exclude, call: call}
	call.Progress(executors.Progress{Message: "the model is planning"})
	reply, failed := client.Complete(ctx, llm.Request{
		Provider: in.Provider, Model: in.Model, Temperature: &in.Temperature, MaxTokens: in.MaxTokens,
		Messages: []llm.Message{{Role: llm.RoleSystem, Content: told.Rules}, {Role: llm.RoleUser, Content: told.Task}},
		Schema:   schema, Read: readArray, Check: judge.problems, Repairs: repairs, Meter: client.MeterOf(call),
	})
	if failed != nil {
		return nil, judge.explain(failed)
	}
	p := &plan{value: judge.value, parsed: judge.parsed, out: &Output{
		Provider: reply.Provider, Model: reply.Model, Attempts: max(1, reply.Usage.Requests), Usage: &reply.Usage, Warnings: []string{},
	}}
	for _, warning := range judge.report.Warnings {
		p.out.Warnings = append(p.out.Warnings, warning.String())
	}
	return p, nil
}

// readArray accepts a reply that is only the array of tasks.
func readArray(text string) (json.RawMessage, bool) {
	from, to := strings.IndexByte(text, '['), strings.LastIndexByte(text, ']')
	if from < 0 || to < from || strings.Contains(text[:from], "{") {
		return nil, false
	}
	raw := json.RawMessage(`{"tasks":` + text[from:to+1] + `}`)
	return raw, json.Valid(raw)
}

// judge validates replies, and keeps the last one.
type judge struct {
	g       *Generator
	in      Input
	exclude []string
	call    *executors.Call
	rounds  int

	value  map[string]any
	parsed *chain.Tree
	report chain.Report
}

// problems returns all problems of a reply, each with its path and its hint.
func (j *judge) problems(reply *llm.Reply) []string {
	j.rounds++
	value, err := decode(reply.JSON)
	if err != nil {
		return []string{err.Error()}
	}
	if tasks, ok := value["tasks"].([]any); ok && j.in.UserID != "" {
		for _, each := range tasks {
			if task, ok := each.(map[string]any); ok && task["user_id"] == nil {
				task["user_id"] = j.in.UserID
			}
		}
	}
	j.value = value
	j.parsed, j.report = parse.Value(value, j.g.opts.Registry)
	told := j.report
	if !told.Valid() { // once more, for the positions in what the model wrote
		_, told = parse.Parse(reply.JSON, j.g.opts.Registry, parse.Options{})
	}
	var list []string
	for _, problem := range told.Problems {
		list = append(list, problem.Long())
	}
	list = append(list, j.forbidden()...)
	if example, copied := brief.Copied(value, j.in.Requirement+" "+j.in.Context); copied {
		list = append(list, fmt.Sprintf("tasks: they are those of an example of the brief (%s); plan the requirement instead", example))
	}
	if len(list) > 0 {
		j.call.Progress(executors.Progress{Message: fmt.Sprintf("round %d: sending %d problems back to the model", j.rounds, len(list))})
	}
	return list
}

// forbidden returns the problems of a valid tree that only this call has.
func (j *judge) forbidden() []string {
	var list []string
	tasks, _ := j.value["tasks"].([]any)
	if most := j.in.MaxTasks; most > 0 && len(tasks) > most {
		list = append(list, fmt.Sprintf("tasks: there are %d tasks; at most %d are allowed", len(tasks), most))
	}
	if j.parsed == nil {
		return list
	}
	for i := range j.parsed.Tasks {
		id := j.parsed.Tasks[i].Executor
		switch {
		case slices.Contains(j.exclude, id):
			list = append(list, fmt.Sprintf("tasks[%d].schemas.method: %s is not allowed in a plan", i, id))
		case len(j.in.Allowed) > 0 && !slices.Contains(j.in.Allowed, id):
			list = append(list, fmt.Sprintf("tasks[%d].schemas.method: %s is not allowed; the allowed executors are %s", i, id, strings.Join(j.in.Allowed, ", ")))
		}
		if tree := j.parsed.Tasks[i].Tree; tree != nil {
			for task := range tree.Every() {
				if slices.Contains(j.exclude, task.Executor) {
					list = append(list, fmt.Sprintf("tasks[%d].schemas.method: %s uses %s, which is not allowed in a plan", i, id, task.Executor))
				}
			}
		}
	}
	return list
}

// explain adds to an error what can be done without the model.
func (j *judge) explain(err error) error {
	failed := executors.AsError(err)
	if failed.Field == "provider" {
		failed.Field = "llm_provider"
	}
	if failed.Hint == "" || failed.Type == executors.ExecutionError {
		failed.Hint = strings.TrimPrefix(failed.Hint+"; set llm_provider to caller to plan yourself, or to builtin to plan by rules", "; ")
	}
	return failed
}
