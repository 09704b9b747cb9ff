package sqlite

import (
	"encoding/json"
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors/plainjson"
)

// Go values in columns: times are nanoseconds (0: none), empty values are null,
// small structures are JSON.

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func blob(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

func encode(p *store.Problem) any {
	if p == nil {
		return nil
	}
	raw, err := plainjson.Marshal(p)
	if err != nil { // a struct of strings and numbers always encodes
		panic(err)
	}
	return string(raw)
}

func decodeProblem(raw []byte) (*store.Problem, error) {
	if raw == nil {
		return nil, nil
	}
	p := &store.Problem{}
	return p, json.Unmarshal(raw, p)
}

func encodeMap[V int | string](m map[string]V) any {
	if m == nil {
		return nil
	}
	return string(plainjson.Must(m))
}

func decodeMap[V int | string](raw []byte, m *map[string]V) error {
	if raw == nil {
		return nil
	}
	return json.Unmarshal(raw, m)
}

func encodeSkip(s *store.Skip) any {
	if s == nil {
		return nil
	}
	raw, err := plainjson.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(raw)
}
