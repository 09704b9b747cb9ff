package chain

import (
	"encoding/binary"
	"hash/fnv"
	"time"

	"github.com/chainwright/chainwright/chain/cron"
)

// What happens to the times at which no process could fire.
const (
	MisfireSkip = "skip" // they are left out
	MisfireOnce = "once" // one run for all of them
	MisfireAll  = "all"  // a run for each of the last ones
)

// What happens at a time when the last run has not ended.
const (
	OverlapSkip  = "skip"  // nothing is started
	OverlapQueue = "queue" // the run starts when the last one has ended
	OverlapAllow = "allow" // the runs go on side by side
)

// Schedule says when a saved tree is run by itself. In a file it does nothing
// until an operator enables it.
type Schedule struct {
	*cron.Times
	// Inputs are those of the runs.
	Inputs map[string]any
	// Misfire and Overlap are one of the constants.
	Misfire, Overlap string
	// Jitter is the longest time by which a run starts late, so that not all
	// schedules start at once.
	Jitter time.Duration
	// Paused means that the schedule is paused when it is enabled.
	Paused bool
}

// Delay returns how late a schedule starts its run of a nominal time: less than
// jitter, and the same in every process.
func Delay(schedule string, nominal time.Time, jitter time.Duration) time.Duration {
	if jitter < time.Second {
		return 0
	}
	sum := fnv.New64a()
	_, _ = sum.Write(binary.BigEndian.AppendUint64([]byte(schedule), uint64(nominal.Unix()))) //nolint:gosec // only its bits count
	return time.Duration(sum.Sum64()%uint64(jitter/time.Second)) * time.Second
}
