package policy

import (
	"bytes"
	"strings"
)

// keyLength is how many bytes of each spelling are in the index. Where they are
// found, the rest is compared.
const keyLength = leastSecret - 1

// finder finds spellings in a text.
type finder struct {
	known  []spelling
	filter [1 << 10]uint64 // a bit for each hash of a key
	keys   map[uint32][]anchor
	// longest is the length of the longest spelling.
	longest int
}

// anchor is one end of a spelling. The index holds anchors.
type anchor struct {
	*spelling
	text []byte
	tail bool
}

func newFinder(known []spelling) *finder {
	f := &finder{known: known, keys: map[uint32][]anchor{}}
	for i := range known {
		s := &known[i]
		f.longest = max(f.longest, len(s.text))
		for _, text := range [][]byte{s.text, s.plain} {
			if text == nil {
				continue
			}
			f.add(text, anchor{s, text, false})
			if part(text) < len(text) {
				f.add(text[len(text)-keyLength:], anchor{s, text, true})
			}
		}
	}
	return f
}

func (f *finder) add(at []byte, a anchor) {
	key := keyOf(at)
	f.keys[key] = append(f.keys[key], a)
	hash := hashOf(key)
	f.filter[hash/64] |= 1 << (hash % 64)
}

func keyOf(b []byte) uint32 { return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 }

func hashOf(key uint32) uint32 { return key * 0x9E3779B1 >> 16 }

// find returns the places of all spellings in b, or only of those with line
// breaks.
func (f *finder) find(b []byte, onlyWrapped bool) (spans []span) {
	var key uint32
	for i, c := range b {
		key = key>>8 | uint32(c)<<16
		if hash := hashOf(key); f.filter[hash/64]>>(hash%64)&1 == 0 {
			continue
		}
		if i -= keyLength - 1; i < 0 {
			continue
		}
		for _, a := range f.keys[key] {
			if onlyWrapped && !a.wraps {
				continue
			}
			if found, ok := a.at(b, i); ok {
				spans = append(spans, found)
			}
		}
	}
	return spans
}

// shortestCut is the length from which a part of a spelling is enough to find it:
// half of it, but at least ten characters, or all but two, and at most sixteen.
// Ordinary words are shorter.
const shortestCut, leastPart, leastLess, mostPart = 10, 10, 2, 16

// part returns how many bytes of a text are enough: all of them if it is short.
func part(text []byte) int {
	if len(text) < shortestCut {
		return len(text)
	}
	return min(mostPart, max(len(text)/2, min(leastPart, len(text)-leastLess)))
}

// at returns the place of the spelling whose key is at i. Callers can choose where
// an output is cut off, so a part of a spelling is enough where b, or a quoted
// text in it, starts or ends.
func (a anchor) at(b []byte, i int) (span, bool) {
	nearly := 0
	if a.wraps {
		nearly = 3 // the last characters of base64 depend on the missing bytes
	}
	least := part(a.text)
	if a.tail {
		to := i + keyLength
		from := to - sameEnd(b[:to], a.text)
		if to-from == len(a.text) || to-from < least {
			return span{}, false // if it is complete, its beginning finds it
		}
		if !beginsAt(b, from, nearly) { // it may contain a quote
			from += bytes.IndexAny(b[from:to-least], quotes) + 1
		}
		return span{from, to, a.name}, beginsAt(b, from, nearly)
	}
	to := i + same(b[i:], a.text)
	if to-i == len(a.text) {
		return span{i, to, a.name}, true
	}
	if to-i < least {
		return span{}, false
	}
	if quote := bytes.LastIndexAny(b[i+least:to], quotes); quote >= 0 && !endsAt(b, to, nearly) {
		to = i + least + quote
	}
	return span{i, to, a.name}, endsAt(b, to, nearly)
}

// same returns the length of the common beginning of two texts.
func same(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// sameEnd returns the length of the common end of two texts.
func sameEnd(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// endsAt reports whether a text ends at i or close to it: at the last byte, a
// quote or an ellipsis.
func endsAt(b []byte, i, nearly int) bool {
	for k := i; k <= i+nearly; k++ {
		if k >= len(b) || strings.IndexByte(quotes, b[k]) >= 0 || bytes.HasPrefix(b[k:], ellipsis) || bytes.HasPrefix(b[k:], dots) {
			return true
		}
	}
	return false
}

// beginsAt reports whether a text starts at i or close to it.
func beginsAt(b []byte, i, nearly int) bool {
	for k := i; k >= i-nearly; k-- {
		if k <= 0 || strings.IndexByte(quotes, b[k-1]) >= 0 || bytes.HasSuffix(b[:k], ellipsis) || bytes.HasSuffix(b[:k], dots) {
			return true
		}
	}
	return false
}

// quotes are the bytes that enclose quoted texts.
const quotes = "\"'`"

var ellipsis, dots = []byte("…"), []byte("...")
