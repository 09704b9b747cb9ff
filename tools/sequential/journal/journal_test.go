package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/tools/sequential/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string, opts journal.Options) *journal.Journal {
	t.Helper()
	j, err := journal.Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func add(t *testing.T, j *journal.Journal, key, data string) {
	t.Helper()
	if _, err := j.Append(journal.KeyOf(key), []byte(data)); err != nil {
		t.Fatal(err)
	}
}

// held is what the journal has for a key; "" where it has nothing.
func held(t *testing.T, j *journal.Journal, key string) string {
	t.Helper()
	at, err := j.Find(journal.KeyOf(key))
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

func closed(t *testing.T, j *journal.Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestManyRecords holds that records are found again, past several growths of
// the table and a restart.
func TestManyRecords(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j")
	j := open(t, path, journal.Options{})
	const n = 150_000
	for i := range n {
		add(t, j, fmt.Sprint("k", i), fmt.Sprint("v", i))
	}
	add(t, j, "k7", "later")
	for range 2 {
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
			t.Errorf("what was never written is %q", got)
		}
		closed(t, j)
		j = open(t, path, journal.Options{})
	}
	closed(t, j)
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestCutOff holds that a journal cut at any byte loses the records that are
// not whole, and no other.
func TestCutOff(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j")
	j := open(t, path, journal.Options{})
	var ends []int64
	for i := range 4 {
		add(t, j, fmt.Sprint(i), fmt.Sprint("value", i))
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, info.Size())
	}
	closed(t, j)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) + 1 {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		j := open(t, path, journal.Options{})
		for i, end := range ends {
			want := ""
			if int64(cut) >= end {
				want = fmt.Sprint("value", i)
			}
			if got := held(t, j, fmt.Sprint(i)); got != want {
				t.Errorf("cut at %d, record %d is %q", cut, i, got)
			}
		}
		add(t, j, "new", "after the cut")
		closed(t, j)
		j = open(t, path, journal.Options{})
		if got := held(t, j, "new"); got != "after the cut" {
			t.Errorf("cut at %d, what was added then is %q", cut, got)
		}
		closed(t, j)
	}
}

// TestDamage holds that a record with a wrong byte is not believed.
func TestDamage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j")
	j := open(t, path, journal.Options{})
	add(t, j, "a", "first")
	add(t, j, "b", "second")
	closed(t, j)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(data, []byte("second"), []byte("secund"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	j = open(t, path, journal.Options{})
	defer closed(t, j)
	if a, b := held(t, j, "a"), held(t, j, "b"); a != "first" || b != "" {
		t.Errorf("got %q and %q", a, b)
	}
}

// TestForget holds that records can be left out, until they come again.
func TestForget(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j")
	j := open(t, path, journal.Options{})
	add(t, j, "a", "failed")
	add(t, j, "b", "fine")
	closed(t, j)
	j = open(t, path, journal.Options{Forget: func(data []byte) bool { return string(data) == "failed" }})
	if a, b := held(t, j, "a"), held(t, j, "b"); a != "" || b != "fine" {
		t.Errorf("got %q and %q", a, b)
	}
	add(t, j, "a", "fine now")
	if a := held(t, j, "a"); a != "fine now" {
		t.Errorf("got %q", a)
	}
	closed(t, j)
}

// TestOneOwner holds that two processes can't write one journal, and that a
// file of somebody else's is left alone.
func TestOneOwner(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j")
	j := open(t, path, journal.Options{})
	add(t, j, "a", "1")
	if second, err := journal.Open(path, journal.Options{}); err == nil {
		closed(t, second)
		t.Error("a second owner was let in")
	}
	if got := held(t, j, "a"); got != "1" {
		t.Errorf("after the second try: %q", got)
	}
	add(t, j, "b", "2")
	closed(t, j)

	other := filepath.Join(t.TempDir(), "other")
	for _, text := range []string{"short", "something that is longer than the head of a journal"} {
		if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := journal.Open(other, journal.Options{}); !errors.Is(err, journal.ErrNotOurs) {
			t.Errorf("%q: %v", text, err)
		}
		if kept, err := os.ReadFile(other); err != nil || string(kept) != text {
			t.Errorf("it was changed to %q, %v", kept, err)
		}
	}
}

// TestKeys holds that parts don't run together.
func TestKeys(t *testing.T) {
	t.Parallel()
	if journal.KeyOf("ab", "c") == journal.KeyOf("a", "bc") || journal.KeyOf("a") == journal.KeyOf("a", "") {
		t.Error("two questions have one key")
	}
}
