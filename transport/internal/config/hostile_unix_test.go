//go:build unix

package config

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is not a regular file is refused at once. A pipe would block the start.
func TestOnlyRegularFilesAreOpened(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(t *testing.T, path string) error{
		"a pipe":   func(_ *testing.T, path string) error { return syscall.Mkfifo(path, 0o666) },
		"a folder": func(_ *testing.T, path string) error { return os.Mkdir(path, 0o700) },
		"a socket": func(t *testing.T, path string) error {
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
			if err == nil {
				t.Cleanup(func() { _ = l.Close() })
			}
			return err
		},
		"a device": func(_ *testing.T, path string) error { return os.Symlink("/dev/zero", path) },
		"a link": func(_ *testing.T, path string) error {
			if err := os.WriteFile(path+".target", []byte("log_level: debug\n"), 0o600); err != nil {
				return err
			}
			return os.Symlink(path+".target", path)
		},
	}
	places := map[string]func(m *machine) string{
		"found": func(m *machine) string { return filepath.Join(m.dir, FileName) },
		"named": func(m *machine) string {
			m.env = append(m.env, "CHAINWRIGHT_CONFIG=n.yaml")
			return filepath.Join(m.dir, "n.yaml")
		},
		"own": func(m *machine) string {
			f := m.own("")
			_ = os.Remove(filepath.Join(f, FileName))
			return filepath.Join(f, FileName)
		},
		"approvals": func(m *machine) string {
			m.env = append(m.env, "CHAINWRIGHT_DATA_DIR="+m.home)
			m.here("")
			return filepath.Join(m.home, "approved.json")
		},
	}
	for kind, plant := range kinds {
		for name, place := range places {
			m := newMachine(t)
			m.dir = shortDir(t) // the address of a socket is short
			m.home = m.dir + "h"
			require.NoError(t, os.Mkdir(m.home, 0o700))
			t.Cleanup(func() { _ = os.RemoveAll(m.home) })
			m.env = []string{"HOME=" + m.home}
			require.NoError(t, plant(t, place(m)), name)
			_, err := m.load(nil)
			switch {
			case kind == "a link" && name == "approvals":
				require.ErrorContains(t, err, "reading the approvals", "it is no JSON")
			case kind == "a link" && name != "found":
				require.NoError(t, err, "an operator may link to a file")
			case kind == "a device" && name == "found":
				require.ErrorContains(t, err, "is a link", name)
			default:
				require.ErrorContains(t, err, "is "+kind, name)
			}
		}
	}
}

func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cw")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
