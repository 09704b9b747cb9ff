package batch

import (
	"sync"

	"github.com/chainwright/chainwright/tools/sequential/journal"
)

// Memory is a store for batches that end with the call that makes them.
type Memory struct {
	mu      sync.Mutex
	byKey   map[journal.Key]journal.Ref
	results [][]byte
}

// NewMemory makes an empty store.
func NewMemory() *Memory { return &Memory{byKey: map[journal.Key]journal.Ref{}} }

// Find says where the result for a key is, 0 where there is none.
func (m *Memory) Find(key journal.Key) (journal.Ref, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.byKey[key], nil
}

// Append keeps a result.
func (m *Memory) Append(key journal.Key, result []byte) (journal.Ref, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.results = append(m.results, result)
	m.byKey[key] = journal.Ref(len(m.results))
	return m.byKey[key], nil
}

// Read gives a result.
func (m *Memory) Read(ref journal.Ref) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.results[ref-1], nil
}
