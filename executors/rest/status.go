package rest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors/web"
)

// statuses are ranges of codes that count as success, both ends included.
type statuses struct {
	ranges [][2]int
	text   string
}

// readStatuses reads expect_status: 404, "404", "2xx", "200-204".
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

// accept reports whether a status is a success: what was asked for, or else
// everything under 400.
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

// judge marks the output and gives the failure that its status is, if any.
func (c *client) judge(way hops, out *output) error {
	code := way.StatusCode
	if out.Success = c.expect.accept(code); out.Success {
		return nil
	}
	message := fmt.Sprintf("%s answered %s", way.last.name(), strings.TrimSpace(strconv.Itoa(code)+" "+http.StatusText(code)))
	if len(c.expect.ranges) > 0 {
		message += ", expected " + c.expect.text
	}
	if said := excerpt(out); said != "" {
		message += ": " + said
	}
	return web.StatusError(code, way.Header, message)
}

// excerpt is the beginning of what the server said, on one line.
func excerpt(out *output) string {
	if out.Text != nil {
		return web.Excerpt(*out.Text)
	}
	return web.Excerpt(string(out.JSON))
}
