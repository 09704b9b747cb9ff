package batch

import (
	"sync"
)

// Memory is a store without a file.
type Memory struct {
	mu      sync.Mutex
	byKey   map[Key]Ref
	results [][]byte
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{byKey: map[Key]Ref{}} }

// Find returns the newest record of a key, 0 if there is none.
func (m *Memory) Find(key Key) (Ref, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.byKey[key], nil
}

// Append adds a result.
func (m *Memory) Append(key Key, result []byte) (Ref, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.results = append(m.results, result)
	m.byKey[key] = Ref(len(m.results))
	return m.byKey[key], nil
}

// Read returns a result.
func (m *Memory) Read(ref Ref) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.results[ref-1], nil
}
