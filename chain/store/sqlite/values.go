package sqlite

import (
	"encoding/json"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// How Go values are kept in columns: times as nanoseconds (0: none), what is
// empty as null, small structures as JSON.

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
	raw, err := json.Marshal(p)
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

func counts(c map[string]int) any {
	if c == nil {
		return nil
	}
	raw, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func encodeSkip(s *store.Skip) any {
	if s == nil {
		return nil
	}
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(raw)
}
