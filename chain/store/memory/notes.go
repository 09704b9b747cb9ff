package memory

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// maxNotes is how many notes of a kind are kept. A live one never makes room for
// another: it may be what keeps something from being used twice.
const maxNotes = 10_000

// Notes are store.Notes in memory.
type Notes struct {
	mu    sync.Mutex
	kinds map[string]map[string]note
	count uint64
	now   func() time.Time
}

type note struct {
	value  []byte
	until  time.Time
	number uint64 // in the order in which they were kept
}

var _ store.Notes = (*Notes)(nil)

// NewNotes returns empty notes.
func NewNotes() *Notes { return &Notes{kinds: map[string]map[string]note{}, now: time.Now} }

// Keep stores a note, unless there is one.
func (n *Notes) Keep(_ context.Context, add store.Note) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	kind := n.kinds[add.Kind]
	if kind == nil {
		kind = map[string]note{}
		n.kinds[add.Kind] = kind
	}
	if there, is := kind[add.Name]; is && there.until.After(now) {
		return there.value, nil
	}
	if len(kind) >= maxNotes {
		for name, each := range kind {
			if !each.until.After(now) {
				delete(kind, name)
			}
		}
		if len(kind) >= maxNotes {
			return nil, store.ErrFull
		}
	}
	n.count++
	kind[add.Name] = note{bytes.Clone(add.Value), now.Add(add.Life), n.count}
	return add.Value, nil
}

// Kept returns the live notes of a kind.
func (n *Notes) Kept(_ context.Context, kind, prefix string, limit int) ([]store.Note, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	if there, is := n.kinds[kind][prefix]; is && limit == 1 && there.until.After(now) {
		return []store.Note{{Kind: kind, Name: prefix, Value: there.value}}, nil
	}
	var names []string
	for name, each := range n.kinds[kind] {
		if strings.HasPrefix(name, prefix) && each.until.After(now) {
			names = append(names, name)
		}
	}
	of := n.kinds[kind]
	slices.SortFunc(names, func(a, b string) int {
		if of[a].number > of[b].number {
			return -1
		}
		return 1
	})
	var list []store.Note
	for _, name := range names[:min(limit, len(names))] {
		list = append(list, store.Note{Kind: kind, Name: name, Value: of[name].value})
	}
	return list, nil
}
