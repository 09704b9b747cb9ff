package process

import (
	"errors"
	"io"
	"os"
	"sync"
)

// scratch holds buffers for output that is discarded.
var scratch = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// capture keeps the beginning of the output and discards the rest, so that the
// program never blocks.
type capture struct {
	limit     int
	kept      []byte
	truncated bool
	see       func([]byte)
}

// ReadFrom lets io.Copy read directly into the kept bytes.
func (c *capture) ReadFrom(r io.Reader) (total int64, err error) {
	for len(c.kept) < c.limit {
		if len(c.kept) == cap(c.kept) {
			c.grow()
		}
		n, err := r.Read(c.kept[len(c.kept):min(cap(c.kept), c.limit)])
		if c.see != nil && n > 0 {
			c.see(c.kept[len(c.kept) : len(c.kept)+n])
		}
		c.kept = c.kept[:len(c.kept)+n]
		total += int64(n)
		if err != nil {
			return total, ended(err)
		}
	}
	buf := scratch.Get().(*[]byte)
	defer scratch.Put(buf)
	for {
		n, err := r.Read(*buf)
		if n > 0 {
			c.truncated = true
			if c.see != nil {
				c.see((*buf)[:n])
			}
		}
		total += int64(n)
		if err != nil {
			return total, ended(err)
		}
	}
}

func (c *capture) grow() {
	size := min(max(512, 2*cap(c.kept)), c.limit)
	grown := make([]byte, len(c.kept), size)
	copy(grown, c.kept)
	c.kept = grown
}

// ended returns nil for the end of a pipe, and for a pipe that was closed after
// the wait for its end.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// Write takes output that does not come through ReadFrom.
func (c *capture) Write(b []byte) (int, error) {
	if c.see != nil {
		c.see(b)
	}
	n := min(len(b), c.limit-len(c.kept))
	c.kept = append(c.kept, b[:n]...)
	c.truncated = c.truncated || n < len(b)
	return len(b), nil
}

func (c *capture) output() Output { return Output{Bytes: c.kept, Truncated: c.truncated} }
