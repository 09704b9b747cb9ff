package column

import (
	"encoding/json"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// Schedule returns a schedule as JSON, without its tree and version.
func Schedule(s *store.Schedule) (string, error) {
	raw, err := plainjson.Marshal(s)
	return string(raw), err
}

// ReadSchedule reads what Schedule returned.
func ReadSchedule(tree string, version int64, raw []byte) (store.Schedule, error) {
	s := store.Schedule{Tree: tree, Version: version}
	err := json.Unmarshal(raw, &s)
	return s, err
}
