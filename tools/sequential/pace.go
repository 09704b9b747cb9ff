package sequential

import (
	"fmt"
	"time"
)

// paceWindow is the time over which a pace is measured: rows that a journal has
// pass at once, and must not promise the rest.
const paceWindow = 30 * time.Second

// pace tells how fast a batch is, and how long the rest takes. The zero value is
// ready for use.
type pace struct{ marks []mark }

type mark struct {
	at   time.Time
	done int
}

// after returns the message for people when done of total rows are done at a
// time: the counts, and after two seconds the rows a second and the time left.
func (p *pace) after(now time.Time, done, total int, counts Counts) string {
	if n := len(p.marks); n == 0 || now.Sub(p.marks[n-1].at) >= time.Second {
		p.marks = append(p.marks, mark{now, done})
	}
	for len(p.marks) > 1 && now.Sub(p.marks[1].at) >= paceWindow {
		p.marks = p.marks[1:]
	}
	first := p.marks[0]
	passed, rows := now.Sub(first.at), done-first.done
	if passed < 2*time.Second || rows <= 0 || done >= total {
		return counts.String()
	}
	left := time.Duration(float64(passed) / float64(rows) * float64(total-done))
	digits, rate := 0, float64(rows)/passed.Seconds()
	if rate < 10 {
		digits = 1
	}
	return fmt.Sprintf("%s, %.*f rows/s, %s left", counts, digits, rate, left.Round(time.Second))
}
