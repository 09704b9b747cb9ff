package config

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRelativeRoots checks that only a project's own approved file may have roots
// that are relative to it. The policy refuses the others.
func TestRelativeRoots(t *testing.T) {
	t.Parallel()
	const file = "policy: {files: {roots: {here: {path: .}, notes: {path: docs/notes, write: true}, up: {path: ../other}, home: {path: ~/x}, whole: {path: /srv}}}}"
	paths := func(l *Loaded) map[string]string {
		found := map[string]string{}
		for name, root := range l.Policy.Files.Roots {
			found[name] = root.Path
		}
		return found
	}
	as := map[string]string{"here": ".", "notes": "docs/notes", "up": "../other", "home": "~/x", "whole": "/srv"}

	m := newMachine(t)
	m.here(file)
	l, err := m.load(nil)
	require.NoError(t, err)
	require.Empty(t, l.Policy.Files.Roots, "the file is not approved")
	require.Len(t, l.Ignored, 1)

	m.approve()
	l, err = m.load(nil)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"here": m.dir, "notes": filepath.Join(m.dir, "docs", "notes"), "up": filepath.Join(filepath.Dir(m.dir), "other"), "home": "~/x", "whole": "/srv"}, paths(l))

	l, err = m.named()
	require.NoError(t, err)
	require.Equal(t, as, paths(l), "a file that is named is used from any folder")

	m.env = append(m.env, "CHAINWRIGHT_POLICY_FILES_ROOTS={v: {path: relative}}")
	l, err = m.load(nil)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"v": "relative"}, paths(l), "a variable is in force in any folder")

	other := newMachine(t)
	other.own(file)
	l, err = other.load(nil)
	require.NoError(t, err)
	require.Equal(t, as, paths(l), "the user's file is in force in any folder")
}
