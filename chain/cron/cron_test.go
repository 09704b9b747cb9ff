package cron_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chainwright/chainwright/chain/cron"
)

func times(t testing.TB, text, zone string) *cron.Times {
	t.Helper()
	times, badCron, badZone := cron.Parse(text, zone)
	if badCron != nil || badZone != nil {
		t.Fatalf("%s %s: %v, %v", text, zone, badCron, badZone)
	}
	return times
}

// next lists the times between two moments, as the clock shows them with its
// distance to UTC.
func next(t testing.TB, text, zone, from, to string) []string {
	t.Helper()
	c := times(t, text, zone)
	at, until := moment(t, from), moment(t, to)
	var list []string
	for at = c.Next(at); !at.IsZero() && at.Before(until); at = c.Next(at) {
		list = append(list, at.Format("02 15:04-07"))
		if len(list) > 100 {
			t.Fatal("too many times")
		}
	}
	return list
}

func moment(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Where the clock changes, fixed times come once, and what goes by the minute
// goes on.
func TestClockChanges(t *testing.T) {
	t.Parallel()
	const (
		berlin, newYork  = "Europe/Berlin", "America/New_York"
		lordHowe, beirut = "Australia/Lord_Howe", "Asia/Beirut"
	)
	for _, c := range []struct {
		name, cron, zone, from, to string
		want                       []string
	}{
		{"a skipped time comes once, after the gap", "30 2 * * *", berlin, "2026-03-28T00:00:00Z", "2026-03-30T12:00:00Z", []string{"28 02:30+01", "29 03:00+02", "30 02:30+02"}},
		{"the minute before the gap", "59 1 * * *", berlin, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", []string{"29 01:59+01"}},
		{"the first minute of the gap", "0 2 * * *", berlin, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", []string{"29 03:00+02"}},
		{"the last minute of the gap", "59 2 * * *", berlin, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", []string{"29 03:00+02"}},
		{"the minute after the gap", "0 3 * * *", berlin, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", []string{"29 03:00+02"}},
		{"several skipped times are one", "15,45 2 * * *", berlin, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", []string{"29 03:00+02"}},
		{"a skipped time and the one after it are one", "0 2,3 * * *", berlin, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", []string{"29 03:00+02"}},
		{"every quarter of an hour over the gap", "*/15 * * * *", berlin, "2026-03-29T00:29:00Z", "2026-03-29T01:31:00Z", []string{"29 01:30+01", "29 01:45+01", "29 03:00+02", "29 03:15+02", "29 03:30+02"}},
		{"every hour over the gap", "5 * * * *", berlin, "2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z", []string{"29 01:05+01", "29 03:05+02", "29 04:05+02"}},
		{"every quarter in the hour that is skipped", "*/15 2 * * *", berlin, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", []string{"29 03:00+02"}},
		{"every second hour over the gap", "0 */2 * * *", berlin, "2026-03-28T22:30:00Z", "2026-03-29T03:00:00Z", []string{"29 00:00+01", "29 03:00+02", "29 04:00+02"}},
		{"the day of the month in the gap", "30 2 29 3 *", berlin, "2026-03-01T00:00:00Z", "2026-04-10T12:00:00Z", []string{"29 03:00+02"}},

		{"a repeated time comes once, the first time", "30 2 * * *", berlin, "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z", []string{"25 02:30+02", "26 02:30+01"}},
		{"the minute before the repeated hour", "59 1 * * *", berlin, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", []string{"25 01:59+02"}},
		{"the first minute of the repeated hour", "0 2 * * *", berlin, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", []string{"25 02:00+02"}},
		{"the last minute of the repeated hour", "59 2 * * *", berlin, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", []string{"25 02:59+02"}},
		{"the minute after the repeated hour", "0 3 * * *", berlin, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", []string{"25 03:00+01"}},
		{"from within the second hour", "30 2 * * *", berlin, "2026-10-25T01:10:00Z", "2026-10-26T12:00:00Z", []string{"26 02:30+01"}},
		{"every half hour through both hours", "*/30 * * * *", berlin, "2026-10-24T23:59:00Z", "2026-10-25T02:01:00Z", []string{"25 02:00+02", "25 02:30+02", "25 02:00+01", "25 02:30+01", "25 03:00+01"}},
		{"every hour through both hours", "5 * * * *", berlin, "2026-10-24T23:00:00Z", "2026-10-25T02:30:00Z", []string{"25 01:05+02", "25 02:05+02", "25 02:05+01", "25 03:05+01"}},
		{"every half hour of a part of the day, through both hours", "*/30 2-3 * * *", berlin, "2026-10-24T23:59:00Z", "2026-10-25T12:00:00Z", []string{"25 02:00+02", "25 02:30+02", "25 02:00+01", "25 02:30+01", "25 03:00+01", "25 03:30+01"}},

		{"New York, forward", "30 2 * * *", newYork, "2026-03-07T12:00:00Z", "2026-03-09T12:00:00Z", []string{"08 03:00-04", "09 02:30-04"}},
		{"New York, back", "30 1 * * *", newYork, "2026-10-31T12:00:00Z", "2026-11-02T12:00:00Z", []string{"01 01:30-04", "02 01:30-05"}},
		{"New York, every 20 minutes, back", "*/20 * * * *", newYork, "2026-11-01T05:30:00Z", "2026-11-01T07:01:00Z", []string{"01 01:40-04", "01 01:00-05", "01 01:20-05", "01 01:40-05", "01 02:00-05"}},
		{"half an hour, forward", "15 2 * * *", lordHowe, "2026-10-03T00:00:00Z", "2026-10-05T00:00:00Z", []string{"04 02:30+11", "05 02:15+11"}},
		{"half an hour, back", "45 1 * * *", lordHowe, "2026-04-04T00:00:00Z", "2026-04-06T00:00:00Z", []string{"05 01:45+11", "06 01:45+10"}},
		{"a midnight that does not exist", "0 0 * * *", beirut, "2026-03-28T00:00:00Z", "2026-03-30T12:00:00Z", []string{"29 01:00+03", "30 00:00+03"}},
		{"past the last year of the database", "30 2 * * *", berlin, "2040-12-29T12:00:00Z", "2041-01-02T12:00:00Z", []string{"30 02:30+01", "31 02:30+01", "01 02:30+01", "02 02:30+01"}},
		{"past the last year of the database, forward", "30 2 * * *", berlin, "2040-03-24T12:00:00Z", "2040-03-26T12:00:00Z", []string{"25 03:00+02", "26 02:30+02"}},
		{"past the last year of the database, back", "30 2 * * *", berlin, "2040-10-27T12:00:00Z", "2040-10-29T12:00:00Z", []string{"28 02:30+02", "29 02:30+01"}},
		{"UTC", "30 2 * * *", "", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", []string{"29 02:30Z", "30 02:30Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := next(t, c.cron, c.zone, c.from, c.to)
			for i := range got {
				got[i] = strings.TrimSuffix(got[i], "+00")
				if c.zone == "" {
					got[i] += "Z"
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.cron, diff)
			}
		})
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ cron, after, want string }{
		{"@daily", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"},
		{"@hourly", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"},
		{"0 12 * * MON-FRI", "2026-11-28T00:00:00Z", "2026-11-30T12:00:00Z"},
		{"0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"0 0 L * *", "2026-02-01T00:00:00Z", "2026-02-28T00:00:00Z"},
		{"0 9 * * MON#1", "2026-12-01T00:00:00Z", "2026-12-07T09:00:00Z"},
		{"0 0 13 * FRI", "2026-12-01T00:00:00Z", "2026-12-04T00:00:00Z"}, // either day, as in crontab(5)
		{"59 23 31 12 *", "2026-12-31T23:58:59Z", "2026-12-31T23:59:00Z"},
		{"59 23 31 12 *", "2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z"},
		{"  0   3 * * 7 ", "2026-12-01T00:00:00Z", "2026-12-06T03:00:00Z"},
	} {
		if got := times(t, c.cron, "").Next(moment(t, c.after)); !got.Equal(moment(t, c.want)) {
			t.Errorf("%s after %s: %v, want %s", c.cron, c.after, got, c.want)
		}
	}
}

func TestWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ cron, zone, message, hint string }{
		{"", "", "empty", "five fields"},
		{"every day", "", "five fields; got 2", "0 3 * * *"},
		{"0 0 3 * * *", "", "five fields; got 6", "seconds"},
		{"60 3 * * *", "", `the minute "60"`, "0-59"},
		{"0 24 * * *", "", `the hour "24"`, "0-23"},
		{"0 3 0 * *", "", `the day of the month "0"`, "1-31"},
		{"0 3 * 13 *", "", `the month "13"`, "JAN-DEC"},
		{"0 3 * * 8", "", `the day of the week "8"`, "SUN-SAT"},
		{"0 3 * * MOM", "", `the day of the week "MOM"`, `"MON"`},
		{"0 3 * JANN *", "", `the month "JANN"`, `"JAN"`},
		{"*/0 3 * * *", "", `the minute "*/0"`, "steps"},
		{"0,, 3 * * *", "", `the minute "0,,"`, "lists"},
		{"0 0 30 2 *", "", "never comes", "month"},
		{"@dayly", "", `no cron expression "@dayly"`, `"@daily"`},
		{"@reboot", "", `no cron expression "@reboot"`, "@hourly"},
		{"@every 1h", "", "@every", "*/15"},
		{"CRON_TZ=Europe/Berlin 0 3 * * *", "", "time zone", "timezone: Europe/Berlin"},
		{"H 3 * * *", "", `the minute "H"`, "0-59"},
		{strings.Repeat("0,", 150) + "0 3 * * *", "", "at most 200", "five fields"},
		{"0 3 * * *", "Europe/Berln", `no time zone "Europe/Berln"`, `"Europe/Berlin"`},
		{"0 3 * * *", "europe/berlin", `no time zone "europe/berlin"`, `"Europe/Berlin"`},
		{"0 3 * * *", "Local", `no time zone "Local"`, "IANA"},
		{"0 3 * * *", "../etc/passwd", "no time zone", "IANA"},
		{"0 3 * * *", strings.Repeat("x", 100), "at most 64", "IANA"},
	} {
		got, badCron, badZone := cron.Parse(c.cron, c.zone)
		wrong := badCron
		if wrong == nil {
			wrong = badZone
		}
		if got != nil || wrong == nil || !strings.Contains(wrong.Message, c.message) || !strings.Contains(wrong.Hint, c.hint) {
			t.Errorf("%q %q: %v, %+v; want %q, %q", c.cron, c.zone, got, wrong, c.message, c.hint)
		}
	}
	if _, badCron, badZone := cron.Parse("x", "y"); badCron == nil || badZone == nil {
		t.Errorf("both are wrong: %v, %v", badCron, badZone)
	}
}

// Every name that is suggested is a zone that can be loaded.
func TestZones(t *testing.T) {
	t.Parallel()
	for _, zone := range strings.Fields(cron.Zones) {
		if _, _, wrong := cron.Parse("@daily", zone); wrong != nil {
			t.Errorf("%s: %v", zone, wrong)
		}
	}
}

// FuzzParse checks that nothing panics, that what is refused has a message, and
// that the times of what is accepted grow by whole minutes.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"0 3 * * *", "*/15 * * * *", "@daily", "0 0 L-3 * FRI#L", "5-1 22-2 15W NOV-FEB 0,7", "0 0 29 2 *"} {
		f.Add(seed, "Europe/Berlin", int64(1_774_742_400))
	}
	f.Add("30 2 * * *", "Australia/Lord_Howe", int64(0))
	f.Fuzz(func(t *testing.T, text, zone string, at int64) {
		c, badCron, badZone := cron.Parse(text, zone)
		for _, wrong := range []*cron.Wrong{badCron, badZone} {
			if wrong != nil && (wrong.Message == "" || wrong.Hint == "") {
				t.Errorf("%q %q: %+v", text, zone, wrong)
			}
		}
		if c == nil {
			if badCron == nil && badZone == nil {
				t.Error("neither times nor a problem")
			}
			return
		}
		after := time.Unix(at%(1<<33), 0)
		for _, fire := range c.Following(after, 20) {
			if !fire.After(after) || fire.Second() != 0 && fire.Year() > 1970 {
				t.Errorf("%q %q: %v after %v", text, zone, fire, after)
			}
			after = fire
		}
	})
}

func BenchmarkNext(b *testing.B) {
	c := times(b, "30 2 * * *", "Europe/Berlin")
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for b.Loop() {
		c.Next(at)
	}
}
