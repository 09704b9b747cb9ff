package sequential

import (
	"context"
	"path/filepath"
	"time"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools/sequential/internal/rows"
)

// NewTable returns the generator in the form that the command line calls. Its
// inputs name the files that it reads and writes, without the limits of
// policy.files. So register it only in a process that serves no other callers;
// it replaces the form of New there. onBad is called with each row that can't be
// read, before the first request.
func NewTable(onBad func(reason string)) *Generator {
	def, err := executors.LoadDefinition(files, "table.yaml")
	if err != nil {
		panic(err)
	}
	g := &Generator{}
	g.Executor = executors.New(def, func(ctx context.Context, call *executors.Call, in tableInput) (Report, error) {
		client, err := g.model()
		if err != nil {
			return Report{}, err
		}
		if err := journalTrusted(call.Policy, in.Output); err != nil {
			return Report{}, err
		}
		var speed pace
		return runTable(ctx, client, tableOptions{
			tableInput: in, Meter: in.meter(client, call), Redact: call.Policy.RedactJSON,
			OnBad: func(bad *rows.Bad) { onBad(bad.Error()) },
			OnProgress: func(done, total int, counts Counts) {
				if done%max(1, total/1000) == 0 || done == total {
					call.Progress(executors.Progress{Done: float64(done), Total: float64(total), Message: speed.after(time.Now(), done, total, counts)})
				}
			},
		})
	})
	return g
}

// journalTrusted fails if callers could write answers into the journal.
func journalTrusted(pol *policy.Policy, output string) error {
	path, err := filepath.Abs(output + journalSuffix)
	if err != nil {
		return err
	}
	return pol.CheckTrusted(policy.Trusted{Setting: "the journal of the batch", Path: path})
}

type tableInput struct {
	settings

	Input       string `json:"input"`
	Output      string `json:"output"`
	Delimiter   string `json:"delimiter"` // of a CSV input, found if empty
	Encoding    string `json:"encoding"`  // of a CSV input
	RetryFailed bool   `json:"retry_failed"`
}

// tableOptions are the inputs and what the batch works with.
type tableOptions struct {
	tableInput
	// Retry is how a failed request is repeated. Zero means 5 attempts within
	// about half a minute.
	Retry executors.Retry
	// Meter counts what is spent; required.
	Meter *llm.Meter
	// Redact, where set, removes secrets from an answer before it is recorded.
	Redact func(answer []byte) []byte
	// OnBad, where set, is called with each row that can't be read, before the
	// first request.
	OnBad func(*rows.Bad)
	// OnProgress, where set, is called while rows are written.
	OnProgress func(done, total int, counts Counts)
}

// Report is the result of the form for tables.
type Report struct {
	Counts Counts `json:"counts"`
	// Bad is the number of rows that can't be read. They are not in the output.
	Bad int `json:"bad"`
	// Usage is that of this start and of earlier ones, which Earlier is.
	Usage   llm.Usage `json:"usage"`
	Earlier llm.Usage `json:"earlier"`
	// Output is the file's name, empty where there is none.
	Output string `json:"output,omitempty"`
}
