package chain

import (
	"encoding/json"
	"time"

	"github.com/chainwright/chainwright/chain/expr"
	"github.com/chainwright/chainwright/executors"
)

// ApprovalID stands in Task.Executor for a task that asks a person.
const ApprovalID = "approval"

// What happens when no answer comes in time. Any other on_timeout is the answer
// itself.
const (
	OnTimeoutFail  = "fail"
	OnTimeoutSkip  = "skip"
	OnTimeoutValue = "value"
)

// Approval is the question of a task. No model ever answers it.
type Approval struct {
	// Message is the question. It may have references.
	Message *expr.Value
	// Schema is the schema of the answer, an object. Nil: a person approves or
	// rejects, and the answer is {"approved": true}.
	Schema *executors.Schema
	// Timeout is how long the question waits. 0: for as long as it takes.
	Timeout time.Duration
	// OnTimeout is one of the OnTimeout constants, and Value the answer of
	// OnTimeoutValue.
	OnTimeout string
	Value     json.RawMessage
}

// Way is how an answer came.
type Way string

// The ways. WayTimeout is no person's answer.
const (
	WayTerminal    Way = "terminal"
	WayPage        Way = "page"
	WayElicitation Way = "elicitation"
	WayTool        Way = "tool"
	WayREST        Way = "rest"
	WayTimeout     Way = "timeout"
)

// Decision is what a person decided.
type Decision string

// The decisions. TimedOut is no person's decision.
const (
	Approved Decision = "approved"
	Rejected Decision = "rejected"
	TimedOut Decision = "timed_out"
)

// Answer is an answer to the question of a task.
type Answer struct {
	// Decision is Approved or Rejected.
	Decision Decision
	// Value is the answer if the question has a schema. Nil: {}.
	Value json.RawMessage
	// Reason is what the person says about it, or empty.
	Reason string
	// Way is how the answer came, and Principal who gave it. Whoever calls
	// Engine.Answer has checked that it is a person's.
	Way       Way
	Principal string
	// Shown is the digest of the question that the person saw. Empty: that of
	// the question that waits.
	Shown string
}

// ApprovalView is the question of a task as readers see it, and the answer if
// there is one.
type ApprovalView struct {
	Message string `json:"message,omitempty"`
	// Inputs are shown with the message.
	Inputs json.RawMessage `json:"inputs,omitempty"`
	// Schema is that of the answer; nil: a person approves or rejects.
	Schema json.RawMessage `json:"schema,omitempty"`
	Since  *time.Time      `json:"since,omitempty"`
	// Until is when it times out; nil: never. OnTimeout is what happens then.
	Until     *time.Time `json:"until,omitempty"`
	OnTimeout string     `json:"on_timeout,omitempty"`
	// Digest is the SHA-256 of exactly what is shown: the message, the inputs
	// and the schema.
	Digest string      `json:"digest,omitempty"`
	Answer *AnswerView `json:"answer,omitempty"`
}

// AnswerView is how a question was answered.
type AnswerView struct {
	Decision  Decision  `json:"decision"`
	Way       Way       `json:"way"`
	Principal string    `json:"principal,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	At        time.Time `json:"at"`
	// Digest is that of the question that the person saw.
	Digest string `json:"digest,omitempty"`
}

// WaitingTask is a task that waits for an answer.
type WaitingTask struct {
	RunID     string       `json:"run_id"`
	Run       string       `json:"run,omitempty"` // the name of the tree
	Principal string       `json:"principal,omitempty"`
	Task      string       `json:"task"`
	Name      string       `json:"name,omitempty"`
	Approval  ApprovalView `json:"approval"`
}

// AskSummary is a question in a list of runs. The message is shortened.
type AskSummary struct {
	Task    string     `json:"task"`
	Message string     `json:"message"`
	Since   *time.Time `json:"since,omitempty"`
	Until   *time.Time `json:"until,omitempty"`
}

// ApprovalOptions select tasks that wait for an answer.
type ApprovalOptions struct {
	Principal string
	// Anyone selects the tasks of all principals.
	Anyone bool
	// RunID selects those of one run. Empty: all.
	RunID string
}
