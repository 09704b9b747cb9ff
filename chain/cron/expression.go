package cron

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/netresearch/go-cron"

	"github.com/chainwright/chainwright/executors/nearest"
)

const example = `five fields, such as "0 3 * * *" for every day at 3:00: minute, hour, day of the month, month, day of the week`

// field is one of the five fields of an expression.
type field struct {
	name, allowed string
	words         []string
}

// fields returns the fields in order.
func fields() []field {
	return []field{
		{"minute", "0-59", nil},
		{"hour", "0-23", nil},
		{"day of the month", "1-31, L (the last), 15W (the weekday nearest to the 15th)", nil},
		{"month", "1-12 or JAN-DEC", []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}},
		{"day of the week", "0-7 or SUN-SAT, MON#1 (the first Monday), FRI#L (the last Friday)", []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}},
	}
}

// names returns the expressions that have a name.
func names() []string {
	return []string{"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}
}

// expression parses an expression.
func expression(text string) (*cron.SpecSchedule, *Wrong) {
	text = strings.TrimSpace(text)
	parts := strings.Fields(text)
	switch {
	case len(parts) == 0:
		return nil, &Wrong{"the cron expression is empty", example}
	case len(text) > MaxLength:
		return nil, &Wrong{fmt.Sprintf("the cron expression has %d bytes; at most %d are allowed", len(text), MaxLength), example}
	case strings.Contains(parts[0], "TZ="):
		return nil, &Wrong{"a time zone is not a part of the cron expression", `write it in the field timezone, such as timezone: Europe/Berlin`}
	case parts[0] == "@every":
		return nil, &Wrong{"@every has no fixed times", `write the minutes that it fires at: "*/15 * * * *" is every 15 minutes`}
	case text[0] == '@':
		return named(text)
	case len(parts) == 6 || len(parts) == 7:
		return nil, &Wrong{fmt.Sprintf("a cron expression has five fields; got %d", len(parts)), "leave out the seconds, the first field, and the year: " + example}
	case len(parts) != len(fields()):
		return nil, &Wrong{fmt.Sprintf("a cron expression has five fields; got %d", len(parts)), example}
	}
	for i, f := range fields() {
		if err := f.check(i, parts[i]); err != nil {
			return nil, err
		}
	}
	return parsed(text)
}

func parsed(text string) (*cron.SpecSchedule, *Wrong) {
	parser := cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor | cron.Extended | cron.DowOrDom).
		WithMaxSearchYears(searchYears)
	schedule, err := parser.Parse(text)
	if err != nil {
		return nil, &Wrong{fmt.Sprintf("the cron expression %q can't be read: %v", text, err), example}
	}
	spec, ok := schedule.(*cron.SpecSchedule)
	if !ok {
		return nil, &Wrong{fmt.Sprintf("the cron expression %q has no fixed times", text), example}
	}
	spec.Location = time.UTC
	return spec, nil
}

// named parses an expression that is a name.
func named(text string) (*cron.SpecSchedule, *Wrong) {
	for _, name := range names() {
		if text == name {
			return parsed(text)
		}
	}
	hint := nearest.Hint(text, names())
	if hint == "" {
		hint = "they are " + strings.Join(names(), ", ")
	}
	return nil, &Wrong{fmt.Sprintf("there is no cron expression %q", text), hint}
}

// check parses one field alone, so that the error names it.
func (f *field) check(place int, text string) *Wrong {
	alone := []string{"0", "0", "*", "*", "*"}
	alone[place] = text
	_, wrong := parsed(strings.Join(alone, " "))
	if wrong == nil && strings.Trim(text, ",") == text && !strings.Contains(text, ",,") {
		return nil
	}
	wrong = &Wrong{fmt.Sprintf("the %s %q is not valid", f.name, text), "allowed are " + f.allowed + ", lists (1,2), ranges (1-5), steps (*/2) and *"}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(",-/#", r) }) {
		if _, err := strconv.Atoi(word); err == nil {
			continue
		}
		if hint := nearest.Hint(strings.ToUpper(word), f.words); hint != "" {
			wrong.Hint = hint
			break
		}
	}
	return wrong
}

// zones are the names of the time zones, for suggestions.
//
//go:embed zones.txt
var zones string

// maxZone is the largest number of bytes of the name of a time zone.
const maxZone = 64

// location returns a time zone.
func location(name string) (*time.Location, *Wrong) {
	const hint = `the name of a city in the IANA database, such as Europe/Berlin or America/New_York, or UTC`
	if len(name) > maxZone {
		return nil, &Wrong{fmt.Sprintf("the time zone has %d bytes; at most %d are allowed", len(name), maxZone), hint}
	}
	known := strings.Fields(zones)
	for _, zone := range known {
		if strings.EqualFold(zone, name) {
			if zone != name {
				return nil, &Wrong{fmt.Sprintf("there is no time zone %q", name), fmt.Sprintf("did you mean %q?", zone)}
			}
			if at, err := time.LoadLocation(name); err == nil {
				return at, nil
			}
			return nil, &Wrong{fmt.Sprintf("the time zone %q is not in the database of this machine", name), "install tzdata"}
		}
	}
	wrong := &Wrong{fmt.Sprintf("there is no time zone %q", name), hint}
	if near := nearest.Hint(name, known); near != "" {
		wrong.Hint = near
	}
	return nil, wrong
}
