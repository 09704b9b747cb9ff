package mcp

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"strconv"
	"sync"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// The kinds of notes that states need.
const (
	stateKeyNotes = "state key"
	usedStates    = "used state"
)

// keyPeriod is how long a key signs new states.
const keyPeriod = time.Hour

// stateKeys are the keys that sign states. Each period has one of its own, which
// the first server that needs it makes; all servers with the same store use it.
// A key is accepted during its period, and in those before and after it: then a
// state that was signed at the end of a period can still be used, and the clocks
// of servers may differ.
type stateKeys struct {
	notes store.Notes
	now   func() time.Time
	// life is how long a key is kept, and what was signed with it is remembered
	// to be used up.
	life time.Duration

	mu    sync.Mutex
	known map[int64][]byte
}

func newStateKeys(notes store.Notes, answerWithin time.Duration) *stateKeys {
	return &stateKeys{notes: notes, now: time.Now, life: 3*keyPeriod + answerWithin, known: map[int64][]byte{}}
}

// current returns the number of the key that signs now.
func (k *stateKeys) current() int64 { return k.now().Unix() / int64(keyPeriod.Seconds()) }

// forIssue returns the key with a number, and makes it if there is none.
func (k *stateKeys) forIssue(ctx context.Context, number int64) ([]byte, error) {
	if key := k.cached(number); key != nil {
		return key, nil
	}
	made := make([]byte, sha256.Size)
	_, _ = rand.Read(made) // never fails
	key, err := k.notes.Keep(ctx, store.Note{Kind: stateKeyNotes, Name: strconv.FormatInt(number, 10), Value: made, Life: k.life})
	if err != nil {
		return nil, unkept(err)
	}
	k.remember(number, key)
	return key, nil
}

// forCheck returns the key with a number that a client sent; nil if none is
// accepted.
func (k *stateKeys) forCheck(ctx context.Context, number int64) ([]byte, error) {
	if now := k.current(); number < now-1 || number > now+1 {
		return nil, nil
	}
	if key := k.cached(number); key != nil {
		return key, nil
	}
	name := strconv.FormatInt(number, 10)
	found, err := k.notes.Kept(ctx, stateKeyNotes, name, 1)
	switch {
	case err != nil:
		return nil, unkept(err)
	case len(found) == 0 || found[0].Name != name:
		return nil, nil
	}
	k.remember(number, found[0].Value)
	return found[0].Value, nil
}

func (k *stateKeys) cached(number int64) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known[number]
}

// remember caches a key, and forgets those that are no longer accepted.
func (k *stateKeys) remember(number int64, key []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for other := range k.known {
		if other < number-2 || other > number+2 {
			delete(k.known, other)
		}
	}
	k.known[number] = key
}
