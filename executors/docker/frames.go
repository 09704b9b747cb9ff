package docker

import (
	"encoding/binary"
	"io"
)

// frames follows the attach stream of a container: frames with a header that
// contains their length. The library treats an end inside a frame as the end of
// the output, but it is a broken connection.
type frames struct {
	from   io.Reader
	header []byte
	left   uint32 // bytes left in the frame
}

const headerSize = 8

// Read fails with io.ErrUnexpectedEOF if the stream ends inside a frame.
func (f *frames) Read(p []byte) (int, error) {
	n, err := f.from.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		if f.left > 0 {
			passed := min(len(rest), int(f.left))
			f.left -= uint32(passed) //nolint:gosec // at most f.left
			rest = rest[passed:]
			continue
		}
		taken := min(len(rest), headerSize-len(f.header))
		f.header, rest = append(f.header, rest[:taken]...), rest[taken:]
		if len(f.header) == headerSize {
			f.left, f.header = binary.BigEndian.Uint32(f.header[4:]), f.header[:0]
		}
	}
	if err == io.EOF && f.within() {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// within reports whether the last frame is incomplete.
func (f *frames) within() bool { return f.left > 0 || len(f.header) > 0 }
