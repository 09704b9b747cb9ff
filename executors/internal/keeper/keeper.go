// Package keeper kills the programs that a server started if the server is
// killed. A second process of the same program, the keeper, holds the end of a
// pipe whose other end is open in the server only. When the server is gone, for
// whatever reason, the keeper kills the process groups that are left, and on
// Linux also the processes that left their group, and ends.
//
// The keeper is started before the first program, so a server that starts none
// has no keeper. On Windows job objects do the same, and there is no keeper.
package keeper

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync/atomic"
)

// variable is in the environment of every program that the server starts.
const variable = "CHAINWRIGHT_PROCESS="

// A mark is unique on the machine: a random part tells servers apart, and a
// counter tells the runs of this one apart.
var (
	marks    atomic.Uint64
	markBase = func() string {
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		return variable + hex.EncodeToString(b[:]) + "-"
	}()
)

// NewMark returns a variable for the environment of a program. The keeper finds
// the program's processes by it.
func NewMark() string { return markBase + strconv.FormatUint(marks.Add(1), 36) }
