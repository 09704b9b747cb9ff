package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/policy"
)

// hold keeps what the user's own file takes away. A file that was only found
// stands in its place, and must not give back, by saying nothing, what that
// one withholds.
func (l *Loaded) hold() {
	folder, err := configFolder(l.env)
	if err != nil {
		return
	}
	path := filepath.Join(folder, FileName)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) || resolved(path) == resolved(l.File) {
		return // one that is there and can't be read is a problem: it may withhold something
	}
	own, err := Load(Sources{File: path, Environ: l.others(), Dir: filepath.Dir(l.File)})
	var wrong Problems
	if errors.As(err, &wrong) {
		l.problems = append(l.problems, wrong...)
		return
	}
	if own.Policy.ReadOnly && !l.Policy.ReadOnly && l.leaves("policy.read_only") {
		l.Policy.ReadOnly, l.origins["policy.read_only"] = true, own.origin("policy.read_only")
	}
	if strictness(own.Policy.Confirm) > strictness(l.Policy.Confirm) && l.leaves("policy.confirm") {
		l.Policy.Confirm, l.origins["policy.confirm"] = own.Policy.Confirm, own.origin("policy.confirm")
	}
	if len(own.ExcludeTools) > 0 && l.leaves("exclude_tools") {
		l.ExcludeTools = slices.Compact(slices.Sorted(slices.Values(slices.Concat(l.ExcludeTools, own.ExcludeTools))))
		l.origins["exclude_tools"] = own.origin("exclude_tools")
	}
}

// leaves reports whether neither a variable nor a flag has set a setting.
func (l *Loaded) leaves(key string) bool {
	where, set := l.origins[key]
	return !set || where[0] != '-' && !strings.HasPrefix(where, prefix)
}

// others are the variables that are no settings.
func (l *Loaded) others() (list []string) {
	for name, value := range l.lookup {
		if !strings.HasPrefix(name, prefix) {
			list = append(list, name+"="+value)
		}
	}
	return list
}

// strictness orders the values of policy.confirm.
func strictness(confirm string) int {
	return slices.Index([]string{policy.ConfirmNever, policy.ConfirmWherePossible, policy.ConfirmDestructive}, confirm)
}
