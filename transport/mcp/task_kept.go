package mcp

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/chainwright/chainwright/tools"
)

const (
	// keptFor is how long the result of a task that never ran is kept, and
	// maxKept how many are. The oldest one makes room for another.
	keptFor = 5 * time.Minute
	maxKept = 1000
)

// keptResults are the results of calls that were refused although their clients
// had asked for a task: such a client must receive a task, and there is no run.
// The zero value is usable.
type keptResults struct {
	mu   sync.Mutex
	list []keptResult // the oldest first
}

type keptResult struct {
	principal string
	task      Task
}

// add keeps a result and returns its task.
func (k *keptResults) add(principal string, res *tools.Result) *Task {
	now := time.Now()
	task := Task{
		ID: rand.Text(), Status: TaskCompleted, Created: now, Updated: now, TTL: keptFor,
		Result: append(appendResult([]byte{'{'}, res), '}'),
	}
	if res.Err != nil {
		task.Message = res.Err.Message
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sweep(now)
	if len(k.list) >= maxKept {
		k.list = k.list[1:]
	}
	k.list = append(k.list, keptResult{principal, task})
	return &task
}

// sweep drops what was kept long enough. The lock is held.
func (k *keptResults) sweep(now time.Time) {
	for len(k.list) > 0 && now.Sub(k.list[0].task.Created) > keptFor {
		k.list = k.list[1:]
	}
}

// get returns a principal's task; nil if there is none.
func (k *keptResults) get(principal, id string) *Task {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sweep(time.Now())
	for i := range k.list {
		if kept := &k.list[i]; kept.task.ID == id && kept.principal == principal {
			task := kept.task
			return &task
		}
	}
	return nil
}

// of returns the tasks of a principal, the newest first.
func (k *keptResults) of(principal string) (list []Task) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sweep(time.Now())
	for i := len(k.list) - 1; i >= 0; i-- {
		if k.list[i].principal == principal {
			list = append(list, k.list[i].task)
		}
	}
	return list
}
