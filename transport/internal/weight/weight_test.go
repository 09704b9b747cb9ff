package weight

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/chainwright/chainwright/executors/strictjson"
	"github.com/chainwright/chainwright/transport/internal/jsonrpc"
)

// TestOf: the weight of a message is at least the memory that its decoded value
// takes, and a budget has room for the heaviest message.
func TestOf(t *testing.T) { // not parallel: it measures memory
	const parts = 32 // of the longest message
	if n := Of([]byte(strings.Repeat("[", Light))); n != 0 {
		t.Errorf("a light message weighs %d", n)
	}
	for name, piece := range map[string]string{
		"numbers": "1,", "texts": `"",`, "lists": "[],", "objects": "{},", "members": `{"a":1},`, "nested": "[[[[1]]]],", "long texts": `"` + strings.Repeat("x", 1000) + `",`,
		"escapes": `"\"\\\n,[{",`, "commas in a text": `",,,,,,,,,,,,,,",`, "long numbers": strings.Repeat("9", 100) + ",", "booleans": "true,",
	} {
		message := []byte("[" + strings.Repeat(piece, jsonrpc.MaxMessage/parts/len(piece)) + "0]")
		before := live()
		value, err := strictjson.Decode(message)
		if err != nil {
			t.Fatal(name, err)
		}
		took := live() - before
		runtime.KeepAlive(value)
		if weight := Of(message); weight < took+int64(len(message)) || parts*weight > Held/2+Held/8 {
			t.Errorf("%s weigh %d KiB, and take %d KiB", name, weight>>10, took>>10)
		}
	}
	for _, cut := range []string{`"`, `"\`, `"\"`, `"a\\`} {
		Of([]byte(strings.Repeat(" ", Light) + cut)) // does not panic
	}
}

func live() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestBudget: what does not fit waits for a while, and is then refused.
func TestBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := New(10)
		if !b.Try(6) || b.Try(6) || b.Take(t.Context(), 6) || !b.Take(t.Context(), 0) {
			t.Error("another budget")
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if b.Take(ended, 6) {
			t.Error("an ended request has room")
		}
		done := make(chan bool)
		go func() { done <- b.Take(t.Context(), 10) }()
		synctest.Wait()
		b.Give(6)
		if !<-done || b.Try(1) {
			t.Error("what was given back is lost")
		}
	})
}
