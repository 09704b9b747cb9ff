package process

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync/atomic"
)

// marks are unique over all servers on the machine, by a random part, and
// within this one, by a count.
var (
	marks    atomic.Uint64
	markBase = func() string {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		return "CHAINWRIGHT_PROCESS=" + hex.EncodeToString(b[:]) + "-"
	}()
)

func newMark() string { return markBase + strconv.FormatUint(marks.Add(1), 36) }
