package stdio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
)

// With many writers, every line arrives complete, and the lines of each writer
// arrive in its order.
func TestWriterKeepsLinesWhole(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := newWriter(&out)
	const writers, lines = 20, 200
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for j := range lines {
				if err := w.line(fmt.Appendf(nil, "%d %d %s", i, j, strings.Repeat("x", j))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	next := make([]int, writers)
	for line := range strings.Lines(out.String()) {
		var i, j int
		var rest string
		_, err := fmt.Sscanf(line, "%d %d %s", &i, &j, &rest)
		if (err != nil && j > 0) || j != next[i] || len(rest) != j {
			t.Fatalf("got the line %q, want number %d", line, next[i])
		}
		next[i]++
	}
	for i, n := range next {
		if n != lines {
			t.Errorf("writer %d: %d lines arrived", i, n)
		}
	}
}

// If the reader is gone, writers get an error and do not wait.
func TestWriterBroken(t *testing.T) {
	t.Parallel()
	in, out := io.Pipe()
	in.Close()
	w := newWriter(out)
	if err := w.line([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
	<-w.broken
	if err := w.line([]byte("y")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

// If the reader does not read, the queue of output is limited.
func TestWriterHoldsBack(t *testing.T) {
	t.Parallel()
	in, out := io.Pipe()
	w := newWriter(out)
	line := bytes.Repeat([]byte("x"), maxUnwritten/4)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { _ = w.line(line) })
	}
	read := 0
	for read < 20*(len(line)+1) {
		w.mu.Lock()
		if limit := maxUnwritten + 20*(len(line)+1); len(w.pending) > limit {
			t.Errorf("%d bytes wait", len(w.pending))
		}
		w.mu.Unlock()
		n, err := in.Read(make([]byte, 1<<16))
		if err != nil {
			t.Fatal(err)
		}
		read += n
	}
	all.Wait()
}
