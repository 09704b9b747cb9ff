package jq_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	"github.com/chainwright/chainwright/executors/jq"
)

// Programs run at the same time on one value, and one program many times:
// deleting changes neither the shared input nor the program's constants.
func TestRunsShareNothingThatIsWritten(t *testing.T) {
	t.Parallel()
	value := decode(t, `{"a":{"b":[1,{"c":2},3]},"d":[[{"e":1}],[2]]}`)
	before, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range []string{
		"del(.a)", "del(.d[0])", `delpaths([["a","b",0]])`, ".d |= map(select(false))", ".a.b[1] |= empty",
		".d[] |= (.[] | empty)", "map_values(empty)", `{"k":{"l":[{"m":1}]},"n":1} | del(.n)`, `[[{"x":1}],2] | del(.[1])`,
	} {
		program, err := jq.Compile(src)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 50 {
					if _, err := program.Run(context.Background(), value); err != nil {
						t.Errorf("%s: %v", src, err)
						return
					}
				}
			})
		}
		all.Wait()
		if after, err := json.Marshal(value); err != nil || string(after) != string(before) {
			t.Fatalf("%s changed the value to %s (%v)", src, after, err)
		}
	}
}
