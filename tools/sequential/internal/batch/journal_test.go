package batch_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/tools/sequential/internal/batch"
)

func open(t *testing.T, path string) *batch.Journal {
	t.Helper()
	j, err := batch.OpenJournal(path, func([]byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func add(t *testing.T, j *batch.Journal, key, data string) {
	t.Helper()
	if _, err := j.Append(batch.KeyOf(key), []byte(data)); err != nil {
		t.Error(err)
	}
}

// held returns the journal's data for a key, "" without a record.
func held(t *testing.T, j *batch.Journal, key string) string {
	t.Helper()
	at, err := j.Find(batch.KeyOf(key))
	if err != nil {
		t.Fatal(err)
	}
	if at == 0 {
		return ""
	}
	data, err := j.Read(at)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func closed(t *testing.T, j *batch.Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestManyRecords checks that records are found again, indexed and not yet
// indexed, also after a restart, and that the newest record of a key is used.
func TestManyRecords(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j ?%#.journal")
	j := open(t, path)
	const n, workers = 5_000, 16
	var working sync.WaitGroup
	for w := range workers {
		working.Go(func() {
			for i := w; i < n; i += workers {
				add(t, j, fmt.Sprint("k", i), fmt.Sprint("v", i))
			}
		})
	}
	working.Wait()
	if err := j.Index(); err != nil {
		t.Fatal(err)
	}
	add(t, j, "k7", "later")
	for range 3 {
		for i := range n {
			want := fmt.Sprint("v", i)
			if i == 7 {
				want = "later"
			}
			if got := held(t, j, fmt.Sprint("k", i)); got != want {
				t.Fatalf("k%d is %q", i, got)
			}
		}
		if got := held(t, j, "never"); got != "" {
			t.Errorf("a key that was never written has %q", got)
		}
		if j.Last() != n+1 {
			t.Errorf("the last record is %d", j.Last())
		}
		closed(t, j)
		j = open(t, path)
		if err := j.Index(); err != nil { // the next round finds all in the index
			t.Fatal(err)
		}
	}
	closed(t, j)
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestKilled checks the files that a killed process leaves: copies of them,
// with the log cut at many places. Records that were appended before the cut
// are there, and the journal can be written to again.
func TestKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "j")
	j := open(t, path)
	log := func() []byte {
		data, err := os.ReadFile(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var ends []int
	for i := range 4 {
		add(t, j, fmt.Sprint(i), fmt.Sprint("value", i))
		ends = append(ends, len(log()))
	}
	main, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	whole := log()
	closed(t, j)
	copied := filepath.Join(dir, "copy")
	for cut := 0; cut <= len(whole); cut += 1021 {
		for name, data := range map[string][]byte{copied: main, copied + "-wal": whole[:cut]} {
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		j := open(t, copied)
		for i, end := range ends {
			if got := held(t, j, fmt.Sprint(i)); cut >= end && got != fmt.Sprint("value", i) {
				t.Errorf("cut at %d, record %d is %q", cut, i, got)
			}
		}
		add(t, j, "new", "after the cut")
		closed(t, j)
		j = open(t, copied)
		if got := held(t, j, "new"); got != "after the cut" {
			t.Errorf("cut at %d, the record added then is %q", cut, got)
		}
		closed(t, j)
	}
}

// TestDamage checks that a damaged file is an error, not an empty journal.
func TestDamage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j")
	j := open(t, path)
	for i := range 1000 {
		add(t, j, fmt.Sprint(i), strings.Repeat("x", 100))
	}
	closed(t, j)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()/2); err != nil {
		t.Fatal(err)
	}
	if _, err := batch.OpenJournal(path, func([]byte) error { return nil }); err == nil || !strings.Contains(err.Error(), "malformed") {
		t.Errorf("got %v", err)
	}
}

// TestVisit checks that Open shows every record in order, and ends with the
// first error.
func TestVisit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j")
	j := open(t, path)
	add(t, j, "a", "1")
	add(t, j, "b", "2")
	add(t, j, "a", "3")
	closed(t, j)
	var all string
	j, err := batch.OpenJournal(path, func(data []byte) error { all += string(data); return nil })
	if err != nil || all != "123" {
		t.Fatalf("%q, %v", all, err)
	}
	closed(t, j)
	unfit := errors.New("unfit")
	if _, err := batch.OpenJournal(path, func([]byte) error { return unfit }); !errors.Is(err, unfit) {
		t.Errorf("got %v", err)
	}
}

// TestOneOwner checks that only one process can open a journal at a time.
func TestOneOwner(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j")
	j := open(t, path)
	add(t, j, "a", "1")
	if _, err := batch.OpenJournal(path, func([]byte) error { return nil }); !errors.Is(err, batch.ErrInUse) {
		t.Errorf("a second owner got %v", err)
	}
	if got := held(t, j, "a"); got != "1" {
		t.Errorf("after the second try: %q", got)
	}
	add(t, j, "b", "2")
	closed(t, j)
}

// TestOtherFiles checks that a file that is not a journal is refused and
// unchanged.
func TestOtherFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	foreign := filepath.Join(dir, "foreign.db")
	db, err := sql.Open("sqlite", foreign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("create table records (x)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	database, err := os.ReadFile(foreign)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]error{
		"short": batch.ErrNotOurs,
		"something that is longer than the head of a journal, and longer than that of an SQLite file, which has 100 bytes": batch.ErrNotOurs,
		string(database):                              batch.ErrNotOurs,
		"chainwright journal 1\n":                     batch.ErrEarlier,
		"chainwright journal 1\n\x04\x00\x00\x00rest": batch.ErrEarlier,
	} {
		path := filepath.Join(dir, "other")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := batch.OpenJournal(path, func([]byte) error { return nil }); !errors.Is(err, want) {
			t.Errorf("%.30q: %v", text, err)
		}
		if kept, err := os.ReadFile(path); err != nil || string(kept) != text {
			t.Errorf("%.30q was changed to %q, %v", text, kept, err)
		}
	}
}

// TestKeys checks that different parts have different keys.
func TestKeys(t *testing.T) {
	t.Parallel()
	if batch.KeyOf("ab", "c") == batch.KeyOf("a", "bc") || batch.KeyOf("a") == batch.KeyOf("a", "") {
		t.Error("different parts have one key")
	}
}
