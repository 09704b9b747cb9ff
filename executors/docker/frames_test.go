package docker

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestFrames checks that only an end between frames is the end of the output.
func TestFrames(t *testing.T) {
	t.Parallel()
	const piece, empty = "\x01\x00\x00\x00\x00\x00\x00\x03abc", "\x02\x00\x00\x00\x00\x00\x00\x00"
	whole := piece + empty + piece
	ends := map[int]bool{0: true, len(piece): true, len(piece + empty): true, len(whole): true}
	for at := range len(whole) + 1 {
		for name, from := range map[string]io.Reader{"at once": strings.NewReader(whole[:at]), "byte by byte": iotest.OneByteReader(strings.NewReader(whole[:at]))} {
			got, err := io.ReadAll(&frames{from: from})
			if string(got) != whole[:at] || (err == nil) != ends[at] || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%d bytes %s: %q, %v", at, name, got, err)
			}
		}
	}
}
