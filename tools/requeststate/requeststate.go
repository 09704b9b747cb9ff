// Package requeststate signs what a client of the newest revision has to bring
// back with a person's answer. The server keeps nothing while the person
// thinks: the state says what was asked, by whom, and until when the answer
// counts, and the signature says that it was this server that wrote it.
package requeststate

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

// Why a state is refused.
var (
	ErrForged    = errors.New("it was not made by this server since it was started, or was changed on the way")
	ErrExpired   = errors.New("it has expired")
	ErrUsed      = errors.New("it was used before")
	ErrTool      = errors.New("it belongs to a call of another tool")
	ErrArguments = errors.New("it belongs to a call with other arguments")
	ErrPrincipal = errors.New("it belongs to somebody else's call")
	ErrSubject   = errors.New("what the call would do has changed since the question was put")
)

// Binding is what a state holds for, and for nothing else.
type Binding struct {
	Tool      string
	Arguments string // in one way of writing
	Principal string
	// Subject is what the person was asked about.
	Subject string
}

const (
	version  = "1."
	nonceLen = 16
	timeLen  = 8
	hashLen  = sha256.Size
	bodyLen  = nonceLen + timeLen + 4*hashLen
)

// encoding is strict: a state can be written in one way only.
var encoding = base64.RawURLEncoding.Strict()

// Keeper issues states and takes each back once.
type Keeper struct {
	key  [sha256.Size]byte
	life time.Duration
	now  func() time.Duration

	mu    sync.Mutex
	used  map[[nonceLen]byte]time.Duration // until when it has to be remembered
	swept time.Duration
}

// New makes a keeper with a key of its own, whose states hold for so long.
func New(life time.Duration) *Keeper {
	// Time is counted from here, so that no change of the clock brings an old
	// state back: the key does not outlive the process either.
	start := time.Now()
	k := &Keeper{life: life, used: map[[nonceLen]byte]time.Duration{}, now: func() time.Duration { return time.Since(start) }}
	_, _ = rand.Read(k.key[:]) // never fails
	return k
}

// Issue makes a state for a binding.
func (k *Keeper) Issue(b Binding) string {
	body := make([]byte, bodyLen, bodyLen+sha256.Size)
	_, _ = rand.Read(body[:nonceLen])
	binary.BigEndian.PutUint64(body[nonceLen:], uint64(k.now()+k.life))
	for i, hash := range b.hashes() {
		copy(body[nonceLen+timeLen+i*hashLen:], hash[:])
	}
	return version + encoding.EncodeToString(append(body, k.sign(body)...))
}

// Redeem takes a state back. It succeeds once, for the binding that the state
// was issued for; one that does not fit is not used up.
func (k *Keeper) Redeem(state string, b Binding) error {
	text, ok := strings.CutPrefix(state, version)
	if !ok || len(text) != encoding.EncodedLen(bodyLen+sha256.Size) {
		return ErrForged
	}
	raw, err := encoding.DecodeString(text)
	if err != nil {
		return ErrForged
	}
	body, signature := raw[:bodyLen], raw[bodyLen:]
	if !hmac.Equal(signature, k.sign(body)) {
		return ErrForged
	}
	for i, hash := range b.hashes() {
		at := nonceLen + timeLen + i*hashLen
		if !hmac.Equal(body[at:at+hashLen], hash[:]) {
			return mismatches[i]
		}
	}
	return k.use([nonceLen]byte(body), time.Duration(binary.BigEndian.Uint64(body[nonceLen:])))
}

// mismatches are in the order of a binding's hashes: who asks goes first, so
// that nobody learns anything of another's call.
var mismatches = [...]error{ErrPrincipal, ErrTool, ErrArguments, ErrSubject}

func (b *Binding) hashes() [4][hashLen]byte {
	return [...][hashLen]byte{
		sha256.Sum256([]byte(b.Principal)), sha256.Sum256([]byte(b.Tool)),
		sha256.Sum256([]byte(b.Arguments)), sha256.Sum256([]byte(b.Subject)),
	}
}

func (k *Keeper) sign(body []byte) []byte {
	mac := hmac.New(sha256.New, k.key[:])
	mac.Write([]byte(version))
	mac.Write(body)
	return mac.Sum(nil)
}

// use notes that a state was used, and until when that matters.
func (k *Keeper) use(nonce [nonceLen]byte, expiry time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	if now-k.swept > k.life {
		maps.DeleteFunc(k.used, func(_ [nonceLen]byte, until time.Duration) bool { return until < now })
		k.swept = now
	}
	if _, was := k.used[nonce]; was {
		return ErrUsed
	}
	if now > expiry {
		return ErrExpired
	}
	k.used[nonce] = expiry
	return nil
}
