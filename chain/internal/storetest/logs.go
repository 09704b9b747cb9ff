package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/chain/store"
)

// writeLogs appends parts of logs and waits for them.
func writeLogs(t *testing.T, s store.Store, parts []store.LogPart, trims ...store.LogTrim) {
	t.Helper()
	done := make(chan error, 1)
	s.AppendLogs(parts, trims, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// readLog returns the parts of a log, at most n of them.
func readLog(t *testing.T, s store.Store, task, element int, after int64, n int) (list []store.LogPart) {
	t.Helper()
	err := s.Log(t.Context(), "r1", task, element, after, func(p *store.LogPart) bool {
		list = append(list, *p)
		return len(list) < n
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func logs(t *testing.T, s store.Store) {
	create(t, s, run("r1"))
	create(t, s, run("r2"))
	part := func(task, element, attempt int, log, at, skipped int64, text string) store.LogPart {
		return store.LogPart{RunID: "r1", Task: task, Element: element, Attempt: attempt, Log: log, At: at, Skipped: skipped, Text: []byte(text)}
	}
	want := []store.LogPart{
		part(0, 1, 1, 7, 0, 0, "one\n"),
		part(0, 2, 1, -8, 0, 0, "zwei\x00\n"),
		part(0, 1, 1, 7, 104, 100, "three\n"),
		part(0, 1, 2, 9, 0, 0, "ünf"),
	}
	other := store.LogPart{RunID: "r2", Task: 0, Attempt: 1, Log: 7, Text: []byte("another run")}
	gone := store.LogPart{RunID: "no", Task: 0, Attempt: 1, Log: 7, Text: []byte("no run")}
	writeLogs(t, s, []store.LogPart{want[0], other, want[1]})
	writeLogs(t, s, []store.LogPart{gone, want[2], part(1, 0, 1, 11, 0, 0, "task"), want[3]})
	want[1].Pos, want[2].Pos, want[2].Skipped, want[3].Pos = 4, 110, 0, 116
	for after, list := range map[int64][]store.LogPart{0: want, 3: want, 4: want[1:], 9: want[1:], 10: want[2:], 115: want[2:], 116: want[3:], 119: want[3:], 120: nil, 1000: nil} {
		same(t, fmt.Sprintf("the log after %d", after), readLog(t, s, 0, 0, after, 100), list)
	}
	for element, want := range []int64{120, 120, 10, 0} {
		if end, err := s.LogEnd(t.Context(), "r1", 0, element); err != nil || end != want {
			t.Errorf("the end of element %d: %d, %v", element, end, err)
		}
	}
	if _, err := s.LogEnd(t.Context(), "no", 0, 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the end of a run that does not exist: %v", err)
	}
	same(t, "that of an element", readLog(t, s, 0, 1, 0, 100), []store.LogPart{want[0], want[2], want[3]})
	same(t, "the first of two", readLog(t, s, 0, 0, 0, 1), want[:1])
	same(t, "that of an element without one", readLog(t, s, 0, 3, 0, 100), []store.LogPart(nil))
	same(t, "that of another task", len(readLog(t, s, 1, 0, 0, 100)), 1)
	same(t, "that of a task without one", readLog(t, s, 2, 0, 0, 100), []store.LogPart(nil))
	if err := s.Log(t.Context(), "no", 0, 0, 0, func(*store.LogPart) bool { return true }); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of a run that does not exist: %v", err)
	}
}

func trimmedLogs(t *testing.T, s store.Store) {
	create(t, s, run("r1"))
	var parts []store.LogPart
	for i := range 10 {
		for log := range 2 {
			parts = append(parts, store.LogPart{RunID: "r1", Attempt: log + 1, Log: int64(log), At: int64(10 * i), Text: []byte(fmt.Sprintf("%d: %d %s", log, i, "....\n"))})
		}
	}
	writeLogs(t, s, parts, store.LogTrim{RunID: "r1", Log: 0, Before: 45}, store.LogTrim{RunID: "no", Before: 1 << 40})
	list := readLog(t, s, 0, 0, 0, 100)
	if len(list) != 16 || list[0].Pos != 10 || list[4].At != 40 || list[4].Log != 0 {
		t.Errorf("after the first: %d parts, %+v", len(list), list)
	}
	writeLogs(t, s, nil, store.LogTrim{RunID: "r1", Log: 0, Before: 90}, store.LogTrim{RunID: "r1", Log: 1, Before: 90})
	if list = readLog(t, s, 0, 0, 0, 100); len(list) != 2 || list[0].Pos != 180 || list[1].Pos != 190 {
		t.Errorf("the last of each: %+v", list)
	}
	writeLogs(t, s, []store.LogPart{{RunID: "r1", Log: 2, Text: []byte("more")}})
	if list = readLog(t, s, 0, 0, 195, 100); len(list) != 2 || list[1].Pos != 200 {
		t.Errorf("what follows has its place: %+v", list)
	}
}

// logsAtOnce has several workers write the log of one task: each byte has a place
// of its own.
func logsAtOnce(t *testing.T, s store.Store) {
	create(t, s, run("r1"))
	var all sync.WaitGroup
	for writer := range 4 {
		all.Go(func() {
			for i := range 20 {
				done := make(chan error, 1)
				s.AppendLogs([]store.LogPart{{RunID: "r1", Element: writer + 1, Log: int64(writer), At: int64(i * 8), Text: []byte(strings.Repeat("x", 8))}}, nil, func(err error) { done <- err })
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	list := readLog(t, s, 0, 0, 0, 1000)
	if len(list) != 80 {
		t.Fatalf("%d parts", len(list))
	}
	for i, p := range list {
		if p.Pos != int64(i*8) {
			t.Fatalf("part %d is at %d", i, p.Pos)
		}
	}
}
