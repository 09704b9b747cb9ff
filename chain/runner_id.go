package chain

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// newID makes a UUID of version 7: its time makes ids sort by age, its 74
// random bits make a handle that can't be guessed.
func newID(now time.Time) string {
	var id [16]byte
	rand.Read(id[6:]) // never fails
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[:8], id[:4])
	hex.Encode(text[9:13], id[4:6])
	hex.Encode(text[14:18], id[6:8])
	hex.Encode(text[19:23], id[8:10])
	hex.Encode(text[24:], id[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}
