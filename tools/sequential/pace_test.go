package sequential

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	t.Parallel()
	var p pace
	start := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		second, done int
		want         string
	}{
		{0, 1, "1 ok, 0 failed"},
		{0, 500, "500 ok, 0 failed"}, // of the journal
		{1, 501, "501 ok, 0 failed"},
		{31, 531, "531 ok, 0 failed, 1.0 rows/s, 7m49s left"},
		{61, 591, "591 ok, 0 failed, 2.0 rows/s, 3m25s left"},
		{71, 1000, "1000 ok, 0 failed"},
	} {
		if got := p.after(start.Add(time.Duration(c.second)*time.Second), c.done, 1000, Counts{OK: c.done}); got != c.want {
			t.Errorf("second %d: %q, want %q", c.second, got, c.want)
		}
	}
}
