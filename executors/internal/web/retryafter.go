package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter limits the wait that a server can ask for.
const maxRetryAfter = time.Hour

// retryAfter returns the wait of a Retry-After header, which holds seconds or a
// date. It returns 0 for any other value.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 63); err == nil {
		if seconds > uint64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
