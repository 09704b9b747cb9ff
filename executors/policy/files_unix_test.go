//go:build unix

package policy_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/policy"
)

// quick fails the test if fn blocks.
func quick(t *testing.T, what string, fn func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); fn() }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatalf("%s hangs", what)
	}
}

func TestHostileFilesAreRefused(t *testing.T) {
	t.Parallel()
	p, work, _, outside := folders(t)
	in := func(name string) string { return filepath.Join(work, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Symlink(filepath.Join(outside, "secret.txt"), in("link")))
	must(os.Symlink("../outside/secret.txt", in("relative")))
	must(os.Symlink("../outside", in("dir")))
	must(os.Symlink("/", in("slash")))
	must(os.Symlink("/proc/self/environ", in("environ")))
	must(os.Symlink("/dev/zero", in("zero")))
	must(os.Symlink("link", in("link2")))
	must(os.Symlink("loop", in("loop")))
	must(os.Link(filepath.Join(outside, "secret.txt"), in("hard")))
	must(syscall.Mkfifo(in("fifo"), 0o666))
	must(os.Symlink("fifo", in("fifolink")))
	listener, err := net.Listen("unix", in("socket"))
	must(err)
	defer listener.Close()
	hostile := []string{"link", "relative", "dir/secret.txt", "slash/etc/passwd", "environ", "zero", "link2", "hard", "fifo", "fifolink", "socket"}
	if os.Getuid() == 0 && syscall.Mknod(in("device"), syscall.S_IFCHR|0o666, 1<<8|5) == nil {
		hostile = append(hostile, "device")
	}
	for _, name := range hostile {
		quick(t, name, func() {
			_, err := read(p, "work:"+name)
			denied(t, err)
			_, err = p.FilePath("work:"+name, true)
			denied(t, err)
			for _, mode := range []policy.WriteMode{policy.Overwrite, policy.Append} {
				_, err := p.WriteFile("work:"+name, []byte("x"), mode)
				denied(t, err)
			}
		})
	}
	if _, err := read(p, "work:loop"); err == nil {
		t.Error("a link to itself was read")
	}
	_, err = p.WriteFile("work:dir/new.txt", []byte("x"), policy.Create)
	denied(t, err)
	_, err = p.Dir("work:dir")
	denied(t, err)
	if got := get(t, filepath.Join(outside, "secret.txt")); got != "outside" {
		t.Errorf("the file outside is now %q", got)
	}
	entries, _ := os.ReadDir(outside)
	if len(entries) != 1 {
		t.Errorf("outside holds %d files", len(entries))
	}
}

func TestLinksInsideTheRootAreFollowed(t *testing.T) {
	t.Parallel()
	p, work, _, _ := folders(t)
	if err := os.Symlink("sub/b.txt", filepath.Join(work, "inner")); err != nil {
		t.Fatal(err)
	}
	if got, err := read(p, "work:inner"); err != nil || got != "below" {
		t.Errorf("%q, %v", got, err)
	}
}

// If a name is swapped between the check and the open, the result is the inner
// file or an error, never the outer file.
func TestSwappedDuringOpen(t *testing.T) {
	t.Parallel()
	p, work, _, outside := folders(t)
	name, stop := filepath.Join(work, "swap"), make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.RemoveAll(name)
			switch i % 4 {
			case 0:
				_ = os.Mkdir(name, 0o755)
				_ = os.WriteFile(filepath.Join(name, "secret.txt"), []byte("inside"), 0o644)
			case 1:
				_ = os.Symlink(outside, name)
			case 2:
				_ = os.Symlink("../outside", name)
			case 3:
				_ = os.Mkdir(name, 0o755)
				_ = syscall.Mkfifo(filepath.Join(name, "secret.txt"), 0o666)
			}
		}
	})
	read1, refused := 0, 0
	quick(t, "reading while names are swapped", func() {
		for range 3000 {
			got, err := read(p, "work:swap/secret.txt")
			var d *policy.Denied
			switch {
			case err == nil && got != "inside" && got != "":
				t.Errorf("read %q", got)
			case err == nil:
				read1++
			case errors.As(err, &d):
				refused++
			}
		}
	})
	quick(t, "writing while names are swapped", func() {
		for range 500 {
			_, _ = p.WriteFile("work:swap/secret.txt", []byte("written"), policy.Overwrite)
		}
	})
	close(stop)
	swapping.Wait()
	if got := get(t, filepath.Join(outside, "secret.txt")); got != "outside" {
		t.Errorf("the file outside is now %q", got)
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 1 {
		t.Errorf("outside holds %d files", len(entries))
	}
	t.Logf("read %d times, refused %d times", read1, refused)
}

func TestTheSystemsTreesAreNoRoots(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/proc", "/sys", "/dev", "/proc/self"} {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		if _, err := policy.New(policy.Config{Files: policy.Files{Roots: map[string]policy.Root{"work": {Path: path}}}}); err == nil {
			t.Errorf("%s was opened", path)
		}
	}
	p := open(t, policy.Config{Files: policy.Files{Roots: map[string]policy.Root{"all": {Path: "/"}}}})
	for _, path := range []string{"/proc/self/environ", "/proc/1/mem", "/sys/kernel/notes", "/dev/zero", "all:proc/self/environ", "/dev/fd/0"} {
		_, _, err := p.OpenRead(path)
		denied(t, err)
	}
}
