package portable_test

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/chain/store/portable"
)

// watched returns the most memory that the heap had while do ran, over what it had
// before.
func watched(t *testing.T, do func()) (most uint64) {
	t.Helper()
	runtime.GC()
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	before := now.HeapInuse
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			var at runtime.MemStats
			runtime.ReadMemStats(&at)
			if at.HeapInuse > before {
				most = max(most, at.HeapInuse-before)
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	do()
	close(stop)
	<-done
	return most
}

func toFile(t *testing.T, s store.Durable, path string) int64 {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	done, err := portable.Export(t.Context(), s, file)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return done.Bytes
}

func opened(t *testing.T, path string) *os.File {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}
