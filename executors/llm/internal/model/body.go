package model

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longestAsked limits the pause that an endpoint can request.
const longestAsked = time.Hour

// retryAfter parses a pause in milliseconds, seconds or as a date; 0: there is
// none.
func retryAfter(header http.Header, now time.Time) time.Duration {
	bound := func(d time.Duration) time.Duration { return min(max(d, 0), longestAsked) }
	if ms, err := strconv.ParseFloat(header.Get("Retry-After-Ms"), 64); err == nil && ms >= 0 {
		return bound(time.Duration(min(ms, float64(longestAsked/time.Millisecond)) * float64(time.Millisecond)))
	}
	value := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds >= 0 {
		return bound(time.Duration(min(seconds, longestAsked.Seconds()) * float64(time.Second)))
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return bound(at.Sub(now))
}
