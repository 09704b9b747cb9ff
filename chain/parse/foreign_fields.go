package parse

import (
	_ "embed"
	"encoding/json"
	"sync"
)

//go:embed foreign_fields.json
var foreignJSON []byte

// foreignFields returns hints by the names that fields of tasks have in other systems.
var foreignFields = sync.OnceValue(func() map[string]string {
	var names map[string][]string
	if err := json.Unmarshal(foreignJSON, &names); err != nil {
		panic(err)
	}
	hints := map[string]string{}
	for hint, list := range names {
		for _, name := range list {
			hints[name] = hint
		}
	}
	return hints
})

// namesExecutor are the fields that name an executor in other systems. A task
// with one of them is not said to have no executor as well.
var namesExecutor = []string{"uses", "tool", "action", "method", "run", "command", "type"}
