package store

import (
	"context"
	"encoding/json"
	"time"
)

// Answers keeps the answers to the questions of tasks that wait for a person.
type Answers interface {
	// Answer stores the answer to a question unless there is one, and returns
	// the one that counts: the first. It returns when that is durable, and
	// ErrNotFound if there is no such run.
	Answer(ctx context.Context, answer Answer) (first *Answer, err error)
	// Answers returns the answers to the questions of an owner's runs that are
	// not part of the runs' transitions yet, in the order in which they came.
	Answers(ctx context.Context, owner string) ([]Answer, error)
}

// Question is what a person is asked by a task that waits.
type Question struct {
	Message string          `json:"message"`
	Inputs  json.RawMessage `json:"inputs,omitempty"`
	// Schema is that of the answer; nil: approve or reject.
	Schema    json.RawMessage `json:"schema,omitempty"`
	Until     time.Time       `json:"until,omitzero"`
	OnTimeout string          `json:"on_timeout,omitempty"`
	// Digest is that of exactly what is shown.
	Digest string `json:"digest"`
}

// Answer is an answer to a question.
type Answer struct {
	// ID differs between any two answers.
	ID    string `json:"id"`
	RunID string `json:"-"`
	Task  int    `json:"-"`
	// Asked is the number of the transition that asked the question.
	Asked    int64  `json:"asked"`
	Decision string `json:"decision"`
	// Way is how it came, and Principal who gave it.
	Way       string    `json:"way"`
	Principal string    `json:"principal,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	At        time.Time `json:"at"`
	// Digest is that of the question that the person saw.
	Digest string `json:"digest,omitempty"`
	// Value is the task's result; nil: none.
	Value json.RawMessage `json:"value,omitempty"`
}

// Approval is what a transition to waiting asks, or how the question was answered
// that ends here.
type Approval struct {
	Question *Question `json:"question,omitempty"`
	Answer   *Answer   `json:"answer,omitempty"`
}

// Answered returns the answer that this transition takes up, or nil.
func (t *Transition) Answered() *Answer {
	if t.Approval == nil {
		return nil
	}
	return t.Approval.Answer
}
