package engine

import (
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain/store"
)

// TestTail follows a run at many paces: what the tail returns has no gaps, and what
// it no longer keeps has to be read from the store.
func TestTail(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, batch := range []int{1, 7, 1000, leastTail + 1} {
		kept := &tail{}
		if _, ok := kept.after(0); ok {
			t.Error("it returns something before it begins")
		}
		kept.begin(5, now)
		seq, read, stored := int64(5), int64(5), 0
		for seq < 4*leastTail {
			var list []store.Transition
			for range batch {
				seq++
				list = append(list, store.Transition{Seq: seq, Result: []byte("x")})
			}
			kept.add(list, now)
			if list[0].Result == nil {
				t.Fatal("it has changed the transitions of the store")
			}
			if len(kept.list) >= 2*leastTail {
				t.Fatalf("it keeps %d transitions", len(kept.list))
			}
			if seq%3 == 0 {
				continue
			}
			got, ok := kept.after(read)
			if !ok {
				stored++
				read = seq
				continue
			}
			for i := range got {
				if read++; got[i].Seq != read || got[i].Result != nil {
					t.Fatalf("batches of %d: after %d comes %d", batch, read-1, got[i].Seq)
				}
			}
			if read != seq {
				t.Fatalf("batches of %d: %d of %d are returned", batch, read, seq)
			}
		}
		if _, ok := kept.after(4); ok {
			t.Error("it returns what came before it began")
		}
		if stored > 0 && batch < leastTail {
			t.Errorf("batches of %d: the store is read %d times", batch, stored)
		}
		kept.add([]store.Transition{{Seq: seq + 1}}, now.Add(2*tailFor))
		if _, ok := kept.after(seq); ok || kept.list != nil {
			t.Error("it keeps what nobody reads")
		}
	}
}
