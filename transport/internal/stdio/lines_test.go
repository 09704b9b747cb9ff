package stdio

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// Lines of every length around the limit are read completely or reported as too
// long, and the line after them is read.
func TestLines(t *testing.T) {
	t.Parallel()
	const limit = 100
	for _, n := range []int{0, 1, 15, 16, 17, 99, 100, 101, 1000} {
		for _, end := range []string{"\n", "\r\n"} {
			input := strings.Repeat("x", n) + end + "next" + end + "last"
			r := &lineReader{in: bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(input)), 16), limit: limit}
			line, err := r.next()
			if n > limit {
				if !errors.Is(err, errTooLong) {
					t.Errorf("%d: got %v, want too long", n, err)
				}
			} else if err != nil || len(line) != n {
				t.Errorf("%d: got %d bytes, %v", n, len(line), err)
			}
			for _, want := range []string{"next", "last"} {
				if line, err = r.next(); err != nil || string(line) != want {
					t.Errorf("%d: got %q, %v; want %q", n, line, err, want)
				}
			}
			if _, err = r.next(); !errors.Is(err, io.EOF) {
				t.Errorf("%d: got %v at the end", n, err)
			}
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\r\n\n"), 3)
	f.Add([]byte(strings.Repeat("y", 50)+"\nz"), 40)
	f.Fuzz(func(t *testing.T, input []byte, limit int) {
		if limit < 1 || limit > 1<<16 {
			return
		}
		var want [][]byte
		for _, line := range bytes.SplitAfter(input, []byte("\n")) {
			if len(line) == 0 {
				continue
			}
			if len(bytes.TrimRight(line, "\r\n")) > limit {
				want = append(want, nil)
			} else {
				want = append(want, append([]byte{}, bytes.TrimSpace(line)...))
			}
		}
		r := &lineReader{in: bufio.NewReaderSize(bytes.NewReader(input), 16), limit: limit}
		for i := 0; ; i++ {
			line, err := r.next()
			if errors.Is(err, io.EOF) {
				if i != len(want) {
					t.Fatalf("%d lines, want %d", i, len(want))
				}
				return
			}
			if i >= len(want) || (want[i] == nil) != errors.Is(err, errTooLong) || (err == nil && !bytes.Equal(line, want[i])) {
				t.Fatalf("line %d: got %q, %v", i, line, err)
			}
		}
	})
}
