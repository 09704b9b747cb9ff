package config

import (
	"errors"
	"path/filepath"
)

var errNoHome = errors.New("this user has no home folder")

// under joins the program's own folder to base, where there is one.
func under(base string, elements ...string) (string, error) {
	if base == "" || !filepath.IsAbs(base) {
		return "", errNoHome
	}
	return filepath.Join(append([]string{base}, elements...)...), nil
}
