package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/retry"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// Reply is a person's answer to a question.
type Reply struct {
	Decision Decision
	// Content is what the person filled in, if the question has a form.
	Content json.RawMessage
}

// Asked is the question of a task that waits, for the person behind the caller.
type Asked struct {
	RunID, Task string
	// Question is what the person is shown. Its subject names exactly this
	// asking.
	Question *Question
	shown    string
	schema   bool
}

// shownInputs is the number of bytes of inputs that a form shows.
const shownInputs = 4000

// asked returns a question as a form shows it. ok is false if its answer does
// not fit into a form.
func asked(w *chain.WaitingTask) (a *Asked, ok bool) {
	q := &w.Approval
	form, ok := formOf(q.Schema)
	if !ok {
		return nil, false
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Task %s of run %s", line(shorten.Bytes(w.Task, 100)), w.RunID)
	if w.Run != "" {
		fmt.Fprintf(&b, " (%s)", line(shorten.Bytes(w.Run, 100)))
	}
	b.WriteString(" asks:\n")
	for each := range strings.Lines(q.Message) {
		b.WriteString("> " + line(strings.TrimRight(each, "\r\n")) + "\n")
	}
	if q.Inputs != nil {
		fmt.Fprintf(&b, "With: %s\n", line(shorten.Middle(string(q.Inputs), shownInputs)))
	}
	b.WriteString("Accept to approve, decline to reject.")
	return &Asked{RunID: w.RunID, Task: w.Task, shown: q.Digest, schema: q.Schema != nil, Question: &Question{
		Message: b.String(), Form: form, Subject: fmt.Sprintf("approval %s %s %s %s", w.RunID, w.Task, q.Since.Format(time.RFC3339Nano), q.Digest),
	}}, true
}

// formKeywords are the keywords of the properties that clients can show.
var formKeywords = []string{"type", "title", "description", "default", "enum", "minimum", "maximum", "minLength", "maxLength", "format"}

// formOf returns the form of an answer's schema. It has fields of plain types
// only; ok is false if the schema has others.
func formOf(schema json.RawMessage) (form json.RawMessage, ok bool) {
	if schema == nil {
		return nil, true
	}
	doc, err := strictjson.DecodeObject(schema)
	if err != nil {
		return nil, false
	}
	for key := range doc {
		if !slices.Contains([]string{"type", "properties", "required", "title", "description", "additionalProperties"}, key) {
			return nil, false
		}
	}
	properties, _ := doc["properties"].(map[string]any)
	if len(properties) == 0 {
		return nil, false
	}
	for _, each := range properties {
		field, isObject := each.(map[string]any)
		kind, isText := field["type"].(string)
		if !isObject || !isText || !slices.Contains([]string{"string", "number", "integer", "boolean"}, kind) {
			return nil, false
		}
		for key := range field {
			if !slices.Contains(formKeywords, key) {
				return nil, false
			}
		}
	}
	shown := map[string]any{"type": "object", "properties": properties}
	if required, there := doc["required"]; there {
		shown["required"] = required
	}
	return plainjson.Must(shown), true
}

// Asked returns the questions of a run of the context's caller that a form can
// show.
func (s *Set) Asked(ctx context.Context, runID string) ([]*Asked, *executors.Error) {
	list, err := s.opts.Runner.Approvals(ctx, chain.ApprovalOptions{RunID: runID, Principal: CallerFrom(ctx).Principal})
	if err != nil {
		return nil, executors.AsError(err)
	}
	var all []*Asked
	for i := range list {
		if a, ok := asked(&list[i]); ok {
			all = append(all, a)
		}
	}
	return all, nil
}

// Reply records what the person behind the context's caller has answered. A
// question that was closed stays open.
func (s *Set) Reply(ctx context.Context, a *Asked, reply Reply) *executors.Error {
	answer := chain.Answer{Way: chain.WayElicitation, Principal: CallerFrom(ctx).Principal, Shown: a.shown}
	switch reply.Decision {
	case Accepted:
		answer.Decision = chain.Approved
		if a.schema {
			answer.Value = filled(reply.Content)
		}
	case Declined:
		answer.Decision = chain.Rejected
	default:
		return nil
	}
	if _, err := s.opts.Runner.Answer(ctx, a.RunID, a.Task, answer); err != nil {
		return executors.AsError(err)
	}
	return nil
}

// filled returns a form's content without the fields that were left empty.
func filled(content json.RawMessage) json.RawMessage {
	fields, err := strictjson.DecodeObject(content)
	if err != nil {
		return bytes.TrimSpace(content)
	}
	for name, value := range fields {
		if value == nil {
			delete(fields, name)
		}
	}
	return plainjson.Must(fields)
}

// askEvery is how often a run that is waited for is asked for questions.
const askEvery = 300 * time.Millisecond

// askPerson asks the person behind the caller what the tasks of a run ask, until
// ctx ends. It asks each question once. With rounds it returns the first question
// instead.
func (r *runs) askPerson(ctx context.Context, id string, req *Request) *Asked {
	seen := map[string]bool{}
	for retry.Sleep(ctx, askEvery/3) {
		all, err := r.set.Asked(ctx, id)
		if err != nil {
			return nil
		}
		for _, a := range all {
			switch {
			case seen[a.Question.Subject]:
			case req.Rounds:
				return a
			default:
				seen[a.Question.Subject] = true
				if !r.askOne(ctx, a, req) {
					return nil
				}
			}
		}
		if !retry.Sleep(ctx, askEvery) {
			return nil
		}
	}
	return nil
}

// askOne asks one question while it waits. It returns false if the person can't
// be asked.
func (r *runs) askOne(ctx context.Context, a *Asked, req *Request) bool {
	asking, stop := context.WithCancel(ctx)
	defer stop()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for retry.Sleep(asking, askEvery) {
			all, err := r.set.Asked(asking, a.RunID)
			if err == nil && !slices.ContainsFunc(all, func(o *Asked) bool { return o.Question.Subject == a.Question.Subject }) {
				stop() // it was answered elsewhere
			}
		}
	}()
	reply, err := req.Ask(asking, a.Question)
	stop()
	<-gone
	var cannot *CannotAskError
	switch {
	case errors.As(err, &cannot):
		return false
	case err == nil:
		if refused := r.set.Reply(context.WithoutCancel(ctx), a, reply); refused != nil {
			r.set.opts.Log.Info().Str("run_id", a.RunID).Str("task", a.Task).Str("why", refused.Message).Msg("a person's answer was refused")
		}
	}
	return true
}

// waitsForPerson returns the warning of a run with tasks that wait for an answer.
func waitsForPerson(view *chain.RunView) string {
	var names []string
	for i := range view.Tasks {
		if view.Tasks[i].Status == chain.Waiting {
			names = append(names, view.Tasks[i].ID)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("a person has to answer %s: chainwright approve %s; no tool can do it for the one who started the run",
		shorten.Names(names[:min(len(names), 3)], len(names)), view.RunID)
}

// Canonical returns arguments in canonical form: equal calls have equal texts.
func Canonical(arguments json.RawMessage) string { return canonical(arguments) }
