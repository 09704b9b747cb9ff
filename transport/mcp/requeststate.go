package mcp

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"maps"
	"strings"
	"sync"
	"time"
)

// The reasons for refusing a state.
var (
	errStateForged    = errors.New("this server did not issue it since its start, or it was changed")
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
	stateVersion = "1."
	nonceLen     = 16
	timeLen      = 8
	hashLen      = sha256.Size
	bodyLen      = nonceLen + timeLen + 4*hashLen
)

// stateEncoding is strict: each state has exactly one encoding.
var stateEncoding = base64.RawURLEncoding.Strict()

// stateKeeper signs the state that a client of the newest revision sends back
// with a person's answer, and accepts each state once. The server stores nothing
// while the person thinks: the state has the question, the caller and the time
// until which the answer is valid, and the signature proves that this server
// issued it.
type stateKeeper struct {
	key  [sha256.Size]byte
	life time.Duration
	now  func() time.Duration

	mu    sync.Mutex
	used  map[[nonceLen]byte]time.Duration // the time until which it must be remembered
	swept time.Duration
}

// newStateKeeper returns a keeper with a new key, whose states are valid for the
// given time.
func newStateKeeper(life time.Duration) *stateKeeper {
	// Time is measured from here, so that a change of the clock does not make
	// an old state valid again. The key does not outlive the process either.
	start := time.Now()
	k := &stateKeeper{life: life, used: map[[nonceLen]byte]time.Duration{}, now: func() time.Duration { return time.Since(start) }}
	_, _ = rand.Read(k.key[:]) // never fails
	return k
}

// issue returns a state for a binding.
func (k *stateKeeper) issue(b stateBinding) string {
	body := make([]byte, bodyLen, bodyLen+sha256.Size)
	_, _ = rand.Read(body[:nonceLen])
	binary.BigEndian.PutUint64(body[nonceLen:], uint64(k.now()+k.life))
	for i, hash := range b.hashes() {
		copy(body[nonceLen+timeLen+i*hashLen:], hash[:])
	}
	return stateVersion + stateEncoding.EncodeToString(append(body, k.sign(body)...))
}

// redeem accepts a state once, for the binding that it was issued for. With
// another binding it fails, and the state can still be used.
func (k *stateKeeper) redeem(state string, b stateBinding) error {
	text, ok := strings.CutPrefix(state, stateVersion)
	if !ok || len(text) != stateEncoding.EncodedLen(bodyLen+sha256.Size) {
		return errStateForged
	}
	raw, err := stateEncoding.DecodeString(text)
	if err != nil {
		return errStateForged
	}
	body, signature := raw[:bodyLen], raw[bodyLen:]
	if !hmac.Equal(signature, k.sign(body)) {
		return errStateForged
	}
	for i, hash := range b.hashes() {
		at := nonceLen + timeLen + i*hashLen
		if !hmac.Equal(body[at:at+hashLen], hash[:]) {
			return stateMismatches[i]
		}
	}
	return k.use([nonceLen]byte(body), time.Duration(binary.BigEndian.Uint64(body[nonceLen:])))
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

func (k *stateKeeper) sign(body []byte) []byte {
	mac := hmac.New(sha256.New, k.key[:])
	mac.Write([]byte(stateVersion))
	mac.Write(body)
	return mac.Sum(nil)
}

// use records that a state was used, until it would have expired.
func (k *stateKeeper) use(nonce [nonceLen]byte, expiry time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if now-k.swept > k.life {
		maps.DeleteFunc(k.used, func(_ [nonceLen]byte, until time.Duration) bool { return until < now })
		k.swept = now
	}
	if _, was := k.used[nonce]; was {
		return errStateUsed
	}
	if now > expiry {
		return errStateExpired
	}
	k.used[nonce] = expiry
	return nil
}
