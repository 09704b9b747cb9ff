package sqltext

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Number puts the database's own placeholders in place of named parameters
// and returns the names, in the order in which their values are to be bound.
// With numbered placeholders each name comes once.
func Number(query string, dialect Dialect) (numbered string, names []string) {
	var out strings.Builder
	for _, p := range Split(query, dialect) {
		if p.Kind != Named {
			out.WriteString(p.Text)
			continue
		}
		name := p.Text[1:]
		i := slices.Index(names, name)
		if i < 0 || dialect == MySQL {
			i = len(names)
			names = append(names, name)
		}
		switch dialect {
		case PostgreSQL:
			out.WriteString("$" + strconv.Itoa(i+1))
		case SQLite:
			out.WriteString("?" + strconv.Itoa(i+1))
		case MySQL:
			out.WriteString("?")
		}
	}
	return out.String(), names
}

// Bind numbers the named parameters of a query and gives their values in
// order. Every name must have a value, and every value a use.
func Bind(query string, dialect Dialect, values map[string]any) (numbered string, bound []any, err error) {
	numbered, names := Number(query, dialect)
	for name := range values {
		if !slices.Contains(names, name) {
			return "", nil, &BindError{Name: name, Message: fmt.Sprintf("is not used: the query has no :%s", name)}
		}
	}
	for _, name := range names {
		v, ok := values[name]
		if !ok {
			return "", nil, &BindError{Name: name, Message: fmt.Sprintf("is required: the query has :%s", name)}
		}
		bound = append(bound, v)
	}
	return numbered, bound, nil
}

// BindError is a named parameter without a value, or a value without a use.
type BindError struct{ Name, Message string }

// Error names the parameter and what is wrong.
func (e *BindError) Error() string { return "params." + e.Name + ": " + e.Message }
