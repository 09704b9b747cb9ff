package command

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// folder returns the working folder: the caller's choice inside an open root,
// otherwise the only root, otherwise an empty folder.
func (c *Command) folder(pol *policy.Policy, cwd string) (string, error) {
	if cwd != "" {
		dir, err := pol.Dir(cwd)
		return dir, inField("cwd", err)
	}
	if only, ok := pol.OnlyRoot(); ok {
		return only, nil
	}
	return c.empty.path()
}

func inField(field string, err error) error {
	if err == nil {
		return nil
	}
	var denied *policy.Denied
	if errors.As(err, &denied) {
		return &policy.Denied{Field: field, Message: denied.Message, Hint: denied.Hint}
	}
	if errors.Is(err, os.ErrNotExist) {
		return executors.Errorf(executors.NotFound, "%s: %w", field, err).WithField(field)
	}
	return executors.Errorf(executors.ValidationError, "%s: %w", field, err).WithField(field)
}

// emptyFolder is an empty, read-only folder. All calls share it, because
// creating one costs as much as starting a program.
type emptyFolder struct {
	once sync.Once
	dir  string
	err  error
}

func (f *emptyFolder) path() (string, error) {
	f.once.Do(func() {
		if f.dir, f.err = os.MkdirTemp("", "chainwright-empty-"); f.err == nil {
			f.err = os.Chmod(f.dir, 0o500) // entering a folder needs its execute bit
		}
	})
	if f.err != nil {
		return "", fmt.Errorf("make a folder to run in: %w", f.err)
	}
	return f.dir, nil
}

func (f *emptyFolder) remove() error {
	f.once.Do(func() { f.err = errors.New("the executor is closed") })
	if f.dir == "" {
		return nil
	}
	return os.RemoveAll(f.dir)
}
