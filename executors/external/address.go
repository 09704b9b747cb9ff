package external

import (
	"errors"
	"net/url"
	"regexp"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

// address is a URL with holes in its path and its query. Who is asked, and
// how, is the operator's to say: no hole may be before the path.
type address struct {
	origin *url.URL
	prefix string // scheme, host and port as they were written
	path   []text // between slashes
	query  text   // behind the question mark; nil: there is none
}

var originForm = regexp.MustCompile(`^(https?://[^/?#]+)(.*)$`)

func parseAddress(def *executors.Definition, from string) (*address, error) {
	found := originForm.FindStringSubmatch(from)
	if found == nil {
		return nil, errors.New("must begin with http:// or https:// and a host")
	}
	if strings.Contains(found[1], "${{") {
		return nil, errors.New("has a hole before its path: which host is asked is for this file to say; for addresses that callers choose there is rest_executor")
	}
	origin, err := url.Parse(found[1])
	switch {
	case err != nil || origin.Hostname() == "":
		return nil, errors.New("can't be read: is the host right?")
	case origin.User != nil:
		return nil, errors.New("holds a user name or password; give them in auth, as a secret")
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

// split takes what is behind the host apart.
func (a *address) split(parts text) error {
	var segment text
	inQuery := false
	for _, p := range parts {
		if p.isHole() {
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
		return errors.New("must have a slash behind the host")
	}
	return nil
}

// fill makes the address of one call. A value takes the place that the
// operator gave it and no more: it can't add a part to the path, go up in it,
// or add a parameter.
func (a *address) fill(f *filler) (string, error) {
	var out strings.Builder
	out.WriteString(a.prefix)
	for i, segment := range a.path {
		if i > 0 {
			out.WriteByte('/')
		}
		written, err := segment.write(f, func(p part, value string) (string, error) {
			if value == "" {
				return "", executors.Errorf(executors.ValidationError, "%s must not be empty: it is a part of the address", named(p)).WithField(p.input)
			}
			return url.PathEscape(value), nil
		})
		if err != nil {
			return "", err
		}
		if (written == "." || written == "..") && segment.hasHole() {
			return "", executors.Errorf(executors.ValidationError, "%s must not make a step in the address: got %q", segment.firstInput(), written).
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

func (t text) hasHole() bool {
	for _, p := range t {
		if p.isHole() {
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

// check fills the address with a letter in each hole, to see that it is one.
func (a *address) check() error {
	filled, err := a.fill(&filler{sample: "x"})
	if err == nil {
		_, err = url.Parse(filled)
	}
	if err != nil {
		return errors.New("can't be read: is everything in it escaped as an address needs it?")
	}
	return nil
}
