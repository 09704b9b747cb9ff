package policy

import (
	"errors"
	"fmt"
	"strings"
)

// problems collects the problems of a configuration, each with its key.
type problems []string

func (p *problems) add(key, format string, args ...any) {
	*p = append(*p, "policy."+key+": "+fmt.Sprintf(format, args...))
}

func (p problems) err() error {
	switch len(p) {
	case 0:
		return nil
	case 1:
		return errors.New(p[0])
	}
	return fmt.Errorf("%d problems in the policy:\n  %s", len(p), strings.Join(p, "\n  "))
}
