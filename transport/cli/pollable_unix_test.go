//go:build unix

package cli

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestPoll: pipes wait in the poller while the server runs, and get their mode
// back. Files, and a pipe that is stderr too, stay as they are.
func TestPoll(t *testing.T) {
	t.Parallel()
	pipe := func() *os.File {
		var ends [2]int
		require.NoError(t, unix.Pipe(ends[:]))
		reader, writer := os.NewFile(uintptr(ends[0]), "reader"), os.NewFile(uintptr(ends[1]), "writer")
		t.Cleanup(func() { reader.Close(); writer.Close() })
		return reader
	}
	regular, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	defer regular.Close()
	in, shared, other := pipe(), pipe(), pipe()
	for name, c := range map[string]struct {
		in, out, err        *os.File
		inPolled, outPolled bool
	}{
		"pipes":            {in, shared, other, true, true},
		"stdout is a file": {in, regular, other, true, false},
		"stdout is stderr": {in, shared, shared, true, false},
		"stdin is stderr":  {shared, in, shared, false, true},
	} {
		s := newSession(context.Background(), streams{c.in, c.out, c.err}, nil)
		done := s.poll()
		require.Equal(t, c.inPolled, waits(t, c.in), name)
		require.Equal(t, c.outPolled, waits(t, c.out), name)
		done()
		require.False(t, waits(t, c.in) || waits(t, c.out), name)
	}
}

// waits reports whether a file is in non-blocking mode.
func waits(t *testing.T, file *os.File) (nonblocking bool) {
	conn, err := file.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, conn.Control(func(fd uintptr) {
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		require.NoError(t, err)
		nonblocking = flags&unix.O_NONBLOCK != 0
	}))
	return nonblocking
}
