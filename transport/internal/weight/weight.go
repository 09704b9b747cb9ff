// Package weight bounds the memory of large messages, on both wires. It is not a stable API.
//
// A call holds its message for as long as it takes, so what counts is the memory
// that the decoded message takes, not its length: four megabytes of one text
// take twelve, and four megabytes of small numbers or objects take two hundred.
package weight

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// Light is the length in bytes up to which a message is not counted. The
	// limits of requests in flight bound these.
	Light = 64 << 10
	// Wait is how long a message waits for others before it is refused.
	Wait = 2 * time.Second
	// Held is the memory that all large messages in flight may take together.
	Held = 512 << 20

	perByte   = 3   // the message, its decoded texts, and what is encoded of them
	perValue  = 64  // a decoded value
	perMember = 320 // more for a member of an object; an object with one has room for eight
)

// Describe says how messages in flight are bounded, for people.
func Describe() string {
	return fmt.Sprintf("calls in flight hold at most %d MiB for messages over %d KiB, decoded; more wait for %s, then are refused", Held>>20, Light>>10, Wait)
}

// Of returns the memory in bytes that a call takes for a message of valid JSON:
// 0 for a light one, and at most half of Held.
func Of(message []byte) int64 {
	if len(message) <= Light {
		return 0
	}
	weight := int64(len(message)) * perByte
	for i := 0; i < len(message); i++ {
		switch message[i] {
		case ',', '[', '{':
			weight += perValue
		case ':':
			weight += perMember
		case '"':
			i = end(message, i+1)
		}
	}
	return min(weight, Held/2)
}

// end returns the index of the quote that ends the string which begins at i.
func end(message []byte, i int) int {
	for {
		n := bytes.IndexAny(message[i:], `"\`)
		switch {
		case n < 0:
			return len(message)
		case message[i+n] == '"':
			return i + n
		case i+n+2 > len(message):
			return len(message)
		}
		i += n + 2
	}
}

// Budget is a number of bytes that are taken and given back.
type Budget struct{ left *semaphore.Weighted }

// New returns a budget of bytes.
func New(bytes int64) Budget { return Budget{semaphore.NewWeighted(bytes)} }

// Take takes n bytes. It waits for Wait at most, and reports whether it has them.
func (b Budget) Take(ctx context.Context, n int64) bool {
	if b.Try(n) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, Wait)
	defer cancel()
	return b.left.Acquire(ctx, n) == nil
}

// Try takes n bytes without waiting, and reports whether it has them.
func (b Budget) Try(n int64) bool { return n == 0 || b.left.TryAcquire(n) }

// Give gives back n bytes.
func (b Budget) Give(n int64) {
	if n > 0 {
		b.left.Release(n)
	}
}
