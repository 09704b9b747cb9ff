package config

import (
	"errors"
	"path/filepath"
)

var errNoHome = errors.New("this user has no home folder")

// under joins elements to base. It returns an error if base is not an absolute
// path.
func under(base string, elements ...string) (string, error) {
	if base == "" || !filepath.IsAbs(base) {
		return "", errNoHome
	}
	return filepath.Join(append([]string{base}, elements...)...), nil
}
