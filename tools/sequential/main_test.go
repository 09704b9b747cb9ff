package sequential_test

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
	"github.com/chainwright/chainwright/tools/sequential"
)

// childVariable makes the test binary a program that answers a file, so that
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

// childFile is what the child answers.
type childFile struct {
	Input, Output, TaskKey string
	Workers                int
}

func child(given string) error {
	var file childFile
	if err := json.Unmarshal([]byte(given), &file); err != nil {
		return err
	}
	opts := sequential.FileOptions{Input: file.Input, Output: file.Output, Keys: sequential.Keys{Task: file.TaskKey}, Workers: file.Workers}
	client, err := llm.NewClient(llm.Settings{Provider: llm.OpenAI, Model: "test", MaxConcurrent: opts.Workers})
	if err != nil {
		return err
	}
	opts.Meter = llm.NewMeter(llm.Ceiling{}, nil)
	_, err = sequential.RunFile(context.Background(), client, opts)
	return err
}

// asked is the task that a request is about.
func asked(r llmtest.Request) string { return strings.TrimPrefix(r.Last(), "task: ") }

// good is a reply to a task.
func good(task string) llmtest.Step {
	raw, err := json.Marshal(map[string]string{"subsequent_task": "after " + task, "composition_task": "both " + task})
	if err != nil {
		panic(err)
	}
	return llmtest.Step{Text: string(raw)}
}
