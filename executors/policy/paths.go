package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// absolute expands ~ and refuses relative paths.
func absolute(path string) (string, error) {
	if path == "" {
		return "", errors.New("is required")
	}
	if strings.ContainsRune(path, 0) {
		return "", errors.New("holds a NUL byte")
	}
	if path == "~" || strings.HasPrefix(path, "~/") || strings.HasPrefix(path, `~\`) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the home folder for ~: %w", err)
		}
		path = filepath.Join(home, path[1:])
	}
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("must be absolute; got %q", path)
	}
	return filepath.Clean(path), nil
}

// cause returns the reason of a path error, for messages that have the path.
func cause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
