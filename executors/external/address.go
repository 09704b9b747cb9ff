package external

import (
	"errors"
	"net/url"
	"regexp"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

// address is a URL template. Placeholders are allowed in the path and the
// query only: the operator's file chooses the scheme, the host and the port.
type address struct {
	origin *url.URL
	prefix string // scheme, host and port as written
	path   []text // path segments
	query  text   // after the question mark; nil: no query
}

var originForm = regexp.MustCompile(`^(https?://[^/?#]+)(.*)$`)

func parseAddress(def *executors.Definition, from string) (*address, error) {
	found := originForm.FindStringSubmatch(from)
	if found == nil {
		return nil, errors.New("must begin with http:// or https:// and a host")
	}
	if strings.Contains(found[1], "${{") {
		return nil, errors.New("has a placeholder before its path; the host must be fixed in this file: use rest_executor where callers choose the address")
	}
	origin, err := url.Parse(found[1])
	switch {
	case err != nil || origin.Hostname() == "":
		return nil, errors.New("is not a valid URL: check the host")
	case origin.User != nil:
		return nil, errors.New("contains a user name or password; move them to auth, as a secret")
	}
	a := &address{origin: origin, prefix: found[1]}
	parts, err := parseText(def, found[2])
	if err != nil {
		return nil, err
	}
	if err := a.split(parts); err != nil {
		return nil, err
	}
	return a, nil
}

// split divides the part after the host into path segments and a query.
func (a *address) split(parts text) error {
	var segment text
	inQuery := false
	for _, p := range parts {
		if p.isPlaceholder() {
			if inQuery {
				a.query = append(a.query, p)
			} else {
				segment = append(segment, p)
			}
			continue
		}
		literal := p.literal
		if strings.Contains(literal, "#") {
			return errors.New("has a fragment (#), which is never sent")
		}
		if !inQuery {
			path, query, cut := strings.Cut(literal, "?")
			pieces := strings.Split(path, "/")
			for i, piece := range pieces {
				if i > 0 {
					a.path, segment = append(a.path, segment), nil
				}
				if piece != "" {
					segment = append(segment, part{literal: piece})
				}
			}
			if !cut {
				continue
			}
			inQuery, literal, a.query = true, query, text{}
		}
		a.query = append(a.query, part{literal: literal})
	}
	a.path = append(a.path, segment)
	if len(a.path[0]) > 0 {
		return errors.New("must have a slash after the host")
	}
	return nil
}

// fill returns the URL of one call. Values are escaped, so a value can't add
// a path segment, go up in the path, or add a query parameter.
func (a *address) fill(f *filler) (string, error) {
	var out strings.Builder
	out.WriteString(a.prefix)
	for i, segment := range a.path {
		if i > 0 {
			out.WriteByte('/')
		}
		written, err := segment.write(f, func(p part, value string) (string, error) {
			if value == "" {
				return "", executors.Errorf(executors.ValidationError, "%s must not be empty: it is part of the URL", named(p)).WithField(p.input)
			}
			return url.PathEscape(value), nil
		})
		if err != nil {
			return "", err
		}
		if (written == "." || written == "..") && segment.hasPlaceholder() {
			return "", executors.Errorf(executors.ValidationError, "%s must not be a . or .. path segment: got %q", segment.firstInput(), written).
				WithField(segment.firstInput())
		}
		out.WriteString(written)
	}
	if a.query == nil {
		return out.String(), nil
	}
	query, err := a.query.write(f, func(_ part, value string) (string, error) { return url.QueryEscape(value), nil })
	if err != nil {
		return "", err
	}
	return out.String() + "?" + query, nil
}

func named(p part) string {
	if p.secret != "" {
		return "the secret " + p.secret
	}
	return p.input
}

func (t text) hasPlaceholder() bool {
	for _, p := range t {
		if p.isPlaceholder() {
			return true
		}
	}
	return false
}

func (t text) firstInput() string {
	for _, p := range t {
		if p.input != "" {
			return p.input
		}
	}
	return ""
}

// check fills every placeholder with a letter and reports whether the result
// is a valid URL.
func (a *address) check() error {
	filled, err := a.fill(&filler{sample: "x"})
	if err == nil {
		_, err = url.Parse(filled)
	}
	if err != nil {
		return errors.New("is not a valid URL: percent-escape special characters")
	}
	return nil
}
