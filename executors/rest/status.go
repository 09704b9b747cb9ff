package rest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors/internal/web"
)

// statuses are ranges of status codes that count as success, both ends
// included.
type statuses struct {
	ranges [][2]int
	text   string
}

// readStatuses parses expect_status: 404, "404", "2xx", "200-204".
func readStatuses(given []any) (statuses, error) {
	var all statuses
	var texts []string
	for i, v := range given {
		text := web.Scalar(v)
		low, high, isRange := strings.Cut(text, "-")
		switch {
		case strings.HasSuffix(text, "xx"):
			low, high = text[:1]+"00", text[:1]+"99"
		case !isRange:
			high = low
		}
		from, err1 := strconv.Atoi(low)
		to, err2 := strconv.Atoi(high)
		if err1 != nil || err2 != nil || from > to {
			return statuses{}, web.Invalid(fmt.Sprintf("expect_status[%d]", i),
				`expect_status[%d] must be a code (404), a class ("2xx") or a range ("200-204"); got %q`, i, text)
		}
		all.ranges = append(all.ranges, [2]int{from, to})
		texts = append(texts, text)
	}
	all.text = strings.Join(texts, ", ")
	return all, nil
}

// accept reports whether a status is a success: one in expect_status, or
// without expect_status any below 400.
func (s statuses) accept(code int) bool {
	if len(s.ranges) == 0 {
		return code < 400
	}
	for _, r := range s.ranges {
		if r[0] <= code && code <= r[1] {
			return true
		}
	}
	return false
}

// checkStatus sets out.Success and returns the error for a status that is not a
// success.
func (c *client) checkStatus(reply hops, out *output) error {
	code := reply.StatusCode
	if out.Success = c.expect.accept(code); out.Success {
		return nil
	}
	message := fmt.Sprintf("%s returned %s", reply.last.name(), strings.TrimSpace(strconv.Itoa(code)+" "+http.StatusText(code)))
	if len(c.expect.ranges) > 0 {
		message += ", expected " + c.expect.text
	}
	if said := excerpt(out); said != "" {
		message += ": " + said
	}
	return web.StatusError(code, reply.Header, message)
}

// excerpt returns the beginning of the body on one line.
func excerpt(out *output) string {
	if out.Text != nil {
		return web.Excerpt(*out.Text)
	}
	return web.Excerpt(string(out.JSON))
}
