package sequential

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/tools/sequential/internal/rows"
)

// The output keys that callers can't choose.
const (
	keyParallel = "parallel_task"
	keyLevels   = "levels"
	keyCheck    = "check"
	keyError    = "error"
	keyType     = "error_type"
	keyRaw      = "raw_reply"
)

// Keys are the names of the columns that are read and added.
type Keys struct {
	Task       string
	Subsequent string
	Composed   string
	// Overwrite allows output keys that the input has.
	Overwrite bool
}

func (k *Keys) complete() {
	if k.Subsequent == "" {
		k.Subsequent = "subsequent_task"
	}
	if k.Composed == "" {
		k.Composed = "composition_task"
	}
}

// names returns the keys that may be added to a row.
func (k *Keys) names(p *Params) []string {
	var list []string
	if p.Mode == modeParallel {
		list = append(list, keyParallel)
	}
	list = append(list, k.Subsequent, k.Composed)
	if p.Depth > 1 {
		list = append(list, keyLevels)
	}
	if p.Check {
		list = append(list, keyCheck)
	}
	return append(list, keyError, keyType, keyRaw)
}

// check refuses output keys that are equal to each other, to the task's key, or
// to a key of the input.
func (k *Keys) check(p *Params, has func(name string) bool) *executors.Error {
	if k.Subsequent == k.Composed {
		return executors.Errorf(executors.ValidationError, "output_subsequent_task_key and output_composition_task_key are both %q", k.Composed).
			WithField("output_composition_task_key")
	}
	fields := map[string]string{k.Subsequent: "output_subsequent_task_key", k.Composed: "output_composition_task_key"}
	seen := map[string]bool{}
	for _, name := range k.names(p) {
		field := fields[name]
		switch {
		case seen[name]:
			return executors.Errorf(executors.ValidationError, "%q is used for two outputs; choose different names", name).WithField(field)
		case name == k.Task:
			return executors.Errorf(executors.ValidationError, "the output %q would replace the task itself", name).WithField(field).
				WithHint("choose another output name")
		case has(name) && !k.Overwrite:
			return executors.Errorf(executors.ValidationError, "the input already has the key %q, which the output would replace", name).WithField(field).
				WithHint("choose another output name, or set overwrite")
		}
		seen[name] = true
	}
	return nil
}

// badTask returns what is wrong with a row's task, "" if it can be used.
func badTask(has, isText bool, task string) string {
	switch {
	case !has:
		return "is missing"
	case !isText:
		return "is not a string"
	case strings.TrimSpace(task) == "":
		return "is empty"
	}
	return ""
}

// members returns what an answer adds to a row. stale reports whether the row
// has a value of an earlier answer, which is then set to null; nil means never.
func (k *Keys) members(a *Answer, stale func(name string) bool) []rows.Member {
	var list []rows.Member
	add := func(name, text string) {
		list = append(list, rows.Member{Name: name, Value: plainjson.Must(text)})
	}
	gone := func(names ...string) {
		for _, name := range names {
			if stale != nil && stale(name) {
				list = append(list, rows.Member{Name: name, Value: json.RawMessage("null")})
			}
		}
	}
	if a.Error != "" {
		gone(keyParallel, k.Subsequent, k.Composed, keyLevels, keyCheck)
		if len(a.Levels) > 0 {
			list = append(list, rows.Member{Name: keyLevels, Value: plainjson.Must(a.Levels)})
		}
		add(keyError, a.Error)
		add(keyType, a.Type)
		if a.Raw != "" {
			add(keyRaw, a.Raw)
		} else {
			gone(keyRaw)
		}
		return list
	}
	last := a.last()
	if last.Parallel != "" {
		add(keyParallel, last.Parallel)
	}
	add(k.Subsequent, last.Subsequent)
	add(k.Composed, last.Composed)
	if len(a.Levels) > 1 {
		list = append(list, rows.Member{Name: keyLevels, Value: plainjson.Must(a.Levels)})
	}
	if a.Verdict != nil {
		list = append(list, rows.Member{Name: keyCheck, Value: plainjson.Must(a.Verdict)})
	}
	gone(keyError, keyType, keyRaw)
	return list
}

// Counts are the numbers of rows by outcome.
type Counts struct {
	OK     int `json:"ok"`
	Failed int `json:"failed"`
	// Unreached is the number of rows that were not done when the batch stopped.
	Unreached int `json:"unreached,omitempty"`
}

func (c *Counts) add(a *Answer) {
	if a.Error != "" {
		c.Failed++
	} else {
		c.OK++
	}
}

// String returns the counts in words.
func (c Counts) String() string {
	text := fmt.Sprintf("%d ok, %d failed", c.OK, c.Failed)
	if c.Unreached > 0 {
		text += fmt.Sprintf(", %d not reached", c.Unreached)
	}
	return text
}
