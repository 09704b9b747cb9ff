package mcp

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/tools"
)

const (
	// keptFor is how long the result of a task that never ran is kept, and
	// listedKept how many of a principal are listed.
	keptFor    = 5 * time.Minute
	listedKept = 100
	keptNotes  = "refused task"
	// keptPrefix begins the ids of these tasks. Those of runs have no such
	// beginning.
	keptPrefix = "refused-"
)

// keptResults are the results of calls that were refused although their clients
// had asked for a task: such a client must receive a task, and there is no run.
// Every server with the same store has them.
type keptResults struct{ notes store.Notes }

// keptTask is a task as it is stored.
type keptTask struct {
	ID      string          `json:"id"`
	Message string          `json:"message,omitempty"`
	At      time.Time       `json:"at"`
	Result  json.RawMessage `json:"result"`
}

func (k *keptTask) task() *Task {
	return &Task{ID: k.ID, Status: TaskCompleted, Message: k.Message, Created: k.At, Updated: k.At, TTL: keptFor, Result: k.Result}
}

// keptNames begins the names of a principal's notes.
func keptNames(principal string) string {
	hash := sha256.Sum256([]byte(principal))
	return hex.EncodeToString(hash[:]) + "/"
}

// add keeps a result and returns its task.
func (k *keptResults) add(ctx context.Context, principal string, res *tools.Result) (*Task, *executors.Error) {
	kept := &keptTask{ID: keptPrefix + rand.Text(), At: time.Now().UTC(), Result: append(appendResult([]byte{'{'}, res), '}')}
	if res.Err != nil {
		kept.Message = res.Err.Message
	}
	value, err := plainjson.Marshal(kept)
	if err == nil {
		_, err = k.notes.Keep(ctx, store.Note{Kind: keptNotes, Name: keptNames(principal) + kept.ID, Value: value, Life: keptFor})
	}
	if err != nil {
		return nil, unkept(err)
	}
	return kept.task(), nil
}

// get returns a principal's task; nil if there is none.
func (k *keptResults) get(ctx context.Context, principal, id string) (*Task, *executors.Error) {
	if !strings.HasPrefix(id, keptPrefix) {
		return nil, nil
	}
	list, err := k.read(ctx, keptNames(principal)+id, 1)
	if err != nil || len(list) == 0 || list[0].ID != id {
		return nil, err
	}
	return &list[0], nil
}

// of returns the tasks of a principal, the newest first.
func (k *keptResults) of(ctx context.Context, principal string) ([]Task, *executors.Error) {
	return k.read(ctx, keptNames(principal), listedKept)
}

func (k *keptResults) read(ctx context.Context, prefix string, limit int) (list []Task, _ *executors.Error) {
	notes, err := k.notes.Kept(ctx, keptNotes, prefix, limit)
	if err != nil {
		return nil, unkept(err)
	}
	for _, note := range notes {
		kept := &keptTask{}
		if err := json.Unmarshal(note.Value, kept); err != nil {
			return nil, unkept(fmt.Errorf("reading a kept result: %w", err))
		}
		list = append(list, *kept.task())
	}
	return list, nil
}

func unkept(err error) *executors.Error {
	return executors.Errorf(executors.ExecutionError, "the store can't be used, and nothing was started: %w", err).
		WithHint("the operator finds more in the log and with `chainwright doctor`; try again later")
}
