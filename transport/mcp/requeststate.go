package mcp

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// The reasons for refusing a state.
var (
	errStateForged    = errors.New("this server did not issue it in the last hours, or it was changed")
	errStateExpired   = errors.New("it has expired")
	errStateUsed      = errors.New("it was used before")
	errStateTool      = errors.New("it belongs to a call of another tool")
	errStateArguments = errors.New("it belongs to a call with other arguments")
	errStatePrincipal = errors.New("it belongs to a call of another principal")
	errStateSubject   = errors.New("what the call would do has changed since the question was asked")
)

// stateBinding is the call that a state is valid for.
type stateBinding struct {
	Tool      string
	Arguments string // in canonical form
	Principal string
	// Subject is what the person was asked about.
	Subject string
}

const (
	stateVersion = "2."
	nonceLen     = 16
	timeLen      = 8
	hashLen      = sha256.Size
	// A body is a nonce, the number of the key, the time of expiry, and the hashes
	// of the binding.
	keyAt   = nonceLen
	timeAt  = keyAt + timeLen
	hashAt  = timeAt + timeLen
	bodyLen = hashAt + 4*hashLen
)

// stateEncoding is strict: each state has exactly one encoding.
var stateEncoding = base64.RawURLEncoding.Strict()

// stateKeeper signs the state that a client of the newest revision sends back
// with a person's answer, and accepts each state once. The server stores nothing
// while the person thinks: the state has the question, the caller and the time
// until which the answer is valid, and the signature proves that this server, or
// another one with the same store, issued it.
type stateKeeper struct {
	keys *stateKeys
	life time.Duration
}

// newStateKeeper returns a keeper whose states are valid for the given time.
func newStateKeeper(notes store.Notes, life time.Duration) *stateKeeper {
	return &stateKeeper{keys: newStateKeys(notes, life), life: life}
}

// issue returns a state for a binding.
func (k *stateKeeper) issue(ctx context.Context, b stateBinding) (string, error) {
	number := k.keys.current()
	key, err := k.keys.forIssue(ctx, number)
	if err != nil {
		return "", err
	}
	body := make([]byte, bodyLen, bodyLen+sha256.Size)
	_, _ = rand.Read(body[:nonceLen]) // never fails
	binary.BigEndian.PutUint64(body[keyAt:], uint64(number))
	binary.BigEndian.PutUint64(body[timeAt:], uint64(k.keys.now().Add(k.life).UnixNano()))
	for i, hash := range b.hashes() {
		copy(body[hashAt+i*hashLen:], hash[:])
	}
	return stateVersion + stateEncoding.EncodeToString(append(body, sign(key, body)...)), nil
}

// redeem accepts a state once, for the binding that it was issued for. With
// another binding it fails, and the state can still be used.
func (k *stateKeeper) redeem(ctx context.Context, state string, b stateBinding) error {
	text, ok := strings.CutPrefix(state, stateVersion)
	if !ok || len(text) != stateEncoding.EncodedLen(bodyLen+sha256.Size) {
		return errStateForged
	}
	raw, err := stateEncoding.DecodeString(text)
	if err != nil {
		return errStateForged
	}
	body, signature := raw[:bodyLen], raw[bodyLen:]
	key, err := k.keys.forCheck(ctx, int64(binary.BigEndian.Uint64(body[keyAt:]))) //nolint:gosec // it is compared only
	if err != nil {
		return err
	}
	if key == nil || !hmac.Equal(signature, sign(key, body)) {
		return errStateForged
	}
	for i, hash := range b.hashes() {
		at := hashAt + i*hashLen
		if !hmac.Equal(body[at:at+hashLen], hash[:]) {
			return stateMismatches[i]
		}
	}
	if k.keys.now().UnixNano() > int64(binary.BigEndian.Uint64(body[timeAt:])) { //nolint:gosec // it is signed
		return errStateExpired
	}
	return k.use(ctx, body[:nonceLen])
}

// stateMismatches are in the order of a binding's hashes. The principal is checked
// first, so that a caller learns nothing of another principal's call.
var stateMismatches = [...]error{errStatePrincipal, errStateTool, errStateArguments, errStateSubject}

func (b *stateBinding) hashes() [4][hashLen]byte {
	return [...][hashLen]byte{
		sha256.Sum256([]byte(b.Principal)), sha256.Sum256([]byte(b.Tool)),
		sha256.Sum256([]byte(b.Arguments)), sha256.Sum256([]byte(b.Subject)),
	}
}

func sign(key, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(stateVersion))
	mac.Write(body)
	return mac.Sum(nil)
}

// use records that a state was used, for longer than its key is accepted: a
// change of the clock does not make it valid again.
func (k *stateKeeper) use(ctx context.Context, nonce []byte) error {
	mine := make([]byte, nonceLen)
	_, _ = rand.Read(mine)
	first, err := k.keys.notes.Keep(ctx, store.Note{Kind: usedStates, Name: hex.EncodeToString(nonce), Value: mine, Life: k.keys.life})
	switch {
	case err != nil:
		return unkept(err)
	case !bytes.Equal(first, mine):
		return errStateUsed
	}
	return nil
}
