package stdio

import (
	"io"
	"testing"
)

// What was read ahead is there for the loop also while more is waited for.
func TestInputReadAhead(t *testing.T) {
	t.Parallel()
	from, to := io.Pipe()
	in := newInput(from)
	ahead := make(chan struct{})
	go func() {
		defer close(ahead)
		in.readAhead(0) // the loop is busy: it has not begun a read
	}()
	for _, part := range []string{"first ", "second "} { // each write returns when it was read, so more is waited for
		if _, err := io.WriteString(to, part); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, 100)
	n, err := in.Read(got)
	for err == nil && n < len("first second ") {
		var more int
		more, err = in.Read(got[n:])
		n += more
	}
	if err != nil || string(got[:n]) != "first second " {
		t.Fatalf("%q, %v", got[:n], err)
	}
	go func() { _, _ = io.WriteString(to, "third") }()
	if n, err = in.Read(got); err != nil || string(got[:n]) != "third" {
		t.Errorf("%q, %v", got[:n], err)
	}
	<-ahead
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err = in.Read(got); n != 0 || err != io.EOF {
		t.Errorf("%d, %v", n, err)
	}
	<-in.ended
}
