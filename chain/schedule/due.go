package schedule

import (
	"fmt"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/cron"
	"github.com/chainwright/chainwright/chain/store"
)

const (
	// onTime is how late a run may start and still be on time. A later one is
	// missed.
	onTime = time.Minute
	// MaxWaiting is the largest number of runs of one schedule that wait to be
	// started, missed ones included. The oldest are left out.
	MaxWaiting = 100
	// maxCounted is the largest number of missed times that are counted.
	maxCounted = 50_000
	// recent is where the count goes on when there are more.
	recent = 31 * 24 * time.Hour
	// backwards is how far the clock may go back without notice. Runs of times
	// that it shows again are not started again.
	backwards = time.Hour
)

// due are the nominal times that have come since the last decision.
type due struct {
	missed []time.Time // the last MaxWaiting
	count  int         // of all missed ones
	more   bool        // there are more than count
	now    time.Time   // the one that is on time; zero: none
	last   time.Time   // the latest of all; zero: none
	next   time.Time   // when the next one is due; zero: never
}

// since returns what is due of a schedule at a time.
func since(times *cron.Times, row *store.Schedule, now time.Time) *due {
	d := &due{}
	at := row.Last
	for {
		nominal := times.Next(at)
		if nominal.IsZero() {
			return d
		}
		start := nominal.Add(chain.Delay(row.Tree, nominal, row.Jitter))
		if start.After(now) {
			d.next = start
			return d
		}
		at, d.last = nominal, nominal
		if now.Sub(start) <= onTime {
			if !d.now.IsZero() {
				d.miss(d.now)
			}
			d.now = nominal
			continue
		}
		d.miss(nominal)
		if d.count == maxCounted && at.Before(now.Add(-recent)) {
			d.more, at = true, now.Add(-recent)
		}
	}
}

func (d *due) miss(nominal time.Time) {
	d.count++
	if d.missed = append(d.missed, nominal); len(d.missed) > MaxWaiting {
		d.missed = d.missed[1:]
	}
}

// decide puts the times that are due into the queue of a schedule, or leaves
// them out, as the schedule says. going is the last run if it has not ended.
func decide(row *store.Schedule, s *chain.Schedule, d *due, going string) {
	row.Last = d.last
	room := MaxWaiting - len(row.Queue)
	if !d.now.IsZero() {
		room--
	}
	if room = max(0, room); len(d.missed) > room {
		d.missed = d.missed[len(d.missed)-room:]
	}
	left := missedNote(d, s.Misfire)
	switch {
	case d.count == 0 || s.Misfire == chain.MisfireSkip:
	case s.Misfire == chain.MisfireOnce:
		if d.now.IsZero() { // else its run is the one for all of them
			d.now = d.last
		}
	case s.Misfire == chain.MisfireAll:
		row.Queue = append(row.Queue, d.missed...)
		row.CatchUp += len(d.missed)
	}
	if left != "" {
		row.Note, row.NoteAt = left, d.last
	}
	if d.now.IsZero() {
		bound(row)
		return
	}
	if s.Overlap == chain.OverlapSkip && (going != "" || len(row.Queue) > 0) {
		row.Note, row.NoteAt = fmt.Sprintf("skipped, because run %s had not ended", going), d.now
		if going == "" {
			row.Note = "skipped, because runs of missed times had not been started yet"
		}
		if left != "" {
			row.Note = left + "; " + row.Note
		}
	} else {
		row.Queue = append(row.Queue, d.now)
	}
	bound(row)
}

// bound leaves out the oldest of a long queue.
func bound(row *store.Schedule) {
	over := len(row.Queue) - MaxWaiting
	if over <= 0 {
		return
	}
	row.Note, row.NoteAt = fmt.Sprintf("left out, because %d runs were waiting to be started", MaxWaiting), row.Queue[over-1]
	row.Queue, row.CatchUp = row.Queue[over:], max(0, row.CatchUp-over)
}

// missedNote says what is left out of the missed times.
func missedNote(d *due, misfire string) string {
	count := fmt.Sprint(d.count)
	if d.more {
		count = "more than " + count
	}
	switch {
	case d.count == 0:
		return ""
	case misfire == chain.MisfireAll && d.count > len(d.missed):
		return fmt.Sprintf("%s times were missed; runs of the last %d are started, the others are left out", count, len(d.missed))
	case misfire == chain.MisfireAll:
		return ""
	case misfire == chain.MisfireOnce && d.count > 1:
		return count + " times were missed; one run is started for all of them"
	case misfire == chain.MisfireOnce:
		return ""
	case d.count == 1:
		return "1 time was missed and left out"
	}
	return count + " times were missed and left out"
}
