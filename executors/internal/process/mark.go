package process

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync/atomic"
)

// A mark is unique on the machine: a random part tells servers apart, and a
// counter tells the runs of this one apart.
var (
	marks    atomic.Uint64
	markBase = func() string {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		return "CHAINWRIGHT_PROCESS=" + hex.EncodeToString(b[:]) + "-"
	}()
)

func newMark() string { return markBase + strconv.FormatUint(marks.Add(1), 36) }
