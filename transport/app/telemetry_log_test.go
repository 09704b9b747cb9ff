package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// Errors of a collector are logged at most once a minute, with the number of those
// that were not. The clock is the one of the bubble.
func TestErrorsOfTelemetryAreLoggedSeldom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := &seldom{log: zerolog.New(&out)}
		away := errors.New("the collector is away")
		for second := range 150 { // at 0, 60 and 120 s
			for range 3 {
				s.warn(away)
			}
			if want := second/60 + 1; bytes.Count(out.Bytes(), []byte("\n")) != want {
				t.Fatalf("after %d s, not %d lines:\n%s", second, want, &out)
			}
			time.Sleep(time.Second)
		}
		for i, line := range bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n")) {
			var said struct {
				Level, Error string
				More         int
			}
			if err := json.Unmarshal(line, &said); err != nil {
				t.Fatal(err)
			}
			if want := min(i, 1) * 179; said.Level != "warn" || said.Error != away.Error() || said.More != want {
				t.Errorf("%s, not %d more", line, want)
			}
		}
	})
}
