package sequential

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// childVariable makes the test binary a program that processes a file, so that
// tests can kill it.
const childVariable = "CHAINWRIGHT_TEST_BATCH"

func TestMain(m *testing.M) {
	if given := os.Getenv(childVariable); given != "" {
		if err := child(given); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// childFile is the file that the child processes.
type childFile struct {
	Input, Output, TaskKey string
	Workers                int
}

func child(given string) error {
	var file childFile
	if err := json.Unmarshal([]byte(given), &file); err != nil {
		return err
	}
	opts := optionsFor(file.Input, file.Output)
	opts.TaskKey, opts.Workers = file.TaskKey, file.Workers
	client, err := llm.NewClient(llm.Settings{Provider: llm.OpenAI, Model: "test", MaxConcurrent: opts.Workers})
	if err != nil {
		return err
	}
	_, err = runTable(context.Background(), client, opts)
	return err
}

// optionsFor returns the options for a file whose tasks are under q.
func optionsFor(input, output string) tableOptions {
	return tableOptions{
		tableInput: tableInput{settings: settings{TaskKey: "q", Cache: true}, Input: input, Output: output},
		Meter:      llm.NewMeter(llm.Ceiling{}, nil),
	}
}

// asked returns the task in a request.
func asked(r llmtest.Request) string { return strings.TrimPrefix(r.Last(), "task: ") }

// good returns a valid reply to a task.
func good(task string) llmtest.Step {
	raw, err := json.Marshal(map[string]string{"subsequent_task": "after " + task, "composition_task": "both " + task})
	if err != nil {
		panic(err)
	}
	return llmtest.Step{Text: string(raw)}
}
