// Package cron computes the times of a schedule: a cron expression in a time zone. It is not a stable API.
//
// The expressions are those of crontab(5), parsed by netresearch/go-cron. Where
// the clock changes, the times are computed here: see Times.Next.
package cron

import (
	"fmt"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
)

// MaxLength is the largest number of bytes of an expression.
const MaxLength = 200

// searchYears is how far ahead a time is looked for. February 29 is missing for
// up to eight years.
const searchYears = 10

// Times are the times of a schedule. They never change.
type Times struct {
	cron, zone string
	spec       *cron.SpecSchedule // in UTC: the zone is applied in Next
	location   *time.Location
	// everyHour means that the hour is not restricted, and elapsed that the times
	// go by elapsed time, not by the hour of the day.
	everyHour, elapsed bool
}

// Cron returns the expression as it was written.
func (t *Times) Cron() string { return t.cron }

// Zone returns the name of the time zone.
func (t *Times) Zone() string { return t.zone }

// Location returns the time zone.
func (t *Times) Location() *time.Location { return t.location }

// String returns the expression and the zone.
func (t *Times) String() string { return fmt.Sprintf("%s (%s)", t.cron, t.zone) }

// Wrong is what is wrong with an expression, or with the name of a time zone.
type Wrong struct{ Message, Hint string }

// Error returns the message.
func (w *Wrong) Error() string { return w.Message }

// Parse reads an expression and the name of a time zone; empty: UTC. Both are
// checked, and either error may be nil.
func Parse(text, zone string) (times *Times, badCron, badZone *Wrong) {
	t := &Times{cron: strings.Join(strings.Fields(text), " "), zone: zone}
	if t.zone == "" {
		t.zone = "UTC"
	}
	t.location, badZone = location(t.zone)
	t.spec, badCron = expression(text)
	if badCron != nil || badZone != nil {
		return nil, badCron, badZone
	}
	const hours = 1<<24 - 1
	t.everyHour = t.spec.Hour&hours == hours
	t.elapsed = t.everyHour || strings.HasPrefix(t.cron, "*")
	if t.spec.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, &Wrong{fmt.Sprintf("%q never comes: there is no such day", t.cron), "look at the day of the month and the month"}, nil
	}
	return t, nil, nil
}

// Next returns the first time after a given one; zero if there is none in ten
// years. Where the clock is put forward, the times in the skipped hour become
// one, right after it. Where it is put back, fixed times come in the first of
// the two hours only, while an expression that starts with *, or whose hour is
// *, goes on through both.
func (t *Times) Next(after time.Time) time.Time {
	at := after.In(t.location)
	_, offset := at.Zone()
	wall := onWall(at, offset)
	for {
		next := t.spec.Next(wall)
		if next.IsZero() {
			return time.Time{}
		}
		start, _ := at.ZoneBounds()
		end := change(at)
		if !t.elapsed && !start.IsZero() {
			_, before := start.Add(-time.Second).Zone()
			if again := onWall(start, before); next.Before(again) { // the clock shows this for the second time
				wall = again.Add(-time.Second)
				continue
			}
		}
		fire := time.Unix(next.Unix()-int64(offset), 0).In(t.location)
		if end.IsZero() || fire.Before(end) {
			return fire
		}
		_, following := end.Zone()
		if !t.everyHour && next.Before(onWall(end, following)) { // the clock never shows this
			return end
		}
		at, offset = end, following
		wall = onWall(end, following).Add(-time.Second)
	}
}

// change returns the end of the time in which the clock of a moment's zone keeps
// its distance to UTC, or a moment a year ahead in it; zero if it keeps it for
// ever. Past the last year in the database, ZoneBounds returns ends at which
// nothing changes, and on the last day of some years one that is past.
func change(at time.Time) time.Time {
	_, offset := at.Zone()
	for t := at; ; {
		start, end := t.ZoneBounds()
		if _, now := t.Zone(); now != offset {
			return start
		}
		switch {
		case end.IsZero():
			return end
		case !end.After(t):
			end = t.AddDate(0, 0, 1)
		case end.Sub(at) > 366*24*time.Hour:
			return end
		}
		t = end
	}
}

// onWall returns what a clock shows that is offset seconds ahead of UTC, as a
// time in UTC.
func onWall(t time.Time, offset int) time.Time { return time.Unix(t.Unix()+int64(offset), 0).UTC() }

// Following returns the next n times.
func (t *Times) Following(after time.Time, n int) []time.Time {
	var list []time.Time
	for range n {
		if after = t.Next(after); after.IsZero() {
			break
		}
		list = append(list, after)
	}
	return list
}

// EitherDay reports whether both the day of the month and the day of the week
// are restricted: then it is enough that one of them fits.
func (t *Times) EitherDay() bool {
	const star = 1 << 63
	return t.spec.Dom&star == 0 && t.spec.Dow&star == 0
}
