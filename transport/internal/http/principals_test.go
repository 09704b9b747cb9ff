package http

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/mcp"
)

// byName uses the token as the name of the principal.
func byName(r *http.Request) (identity, *refusal) {
	name, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return identity{}, &refusal{status: http.StatusUnauthorized, challenge: "Bearer"}
	}
	return identity{principal: name}, nil
}

// Ten clients at once. One of them starts far more calls and tasks than the
// limits allow. The others take turns with it, and do not wait for all of its
// work.
func TestAGreedyClientHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	stack, err := toolstest.New(toolstest.WithGrace(100*time.Millisecond), toolstest.WithPolicy(policy.Config{Limits: policy.Limits{MaxParallel: 2}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	server := made(t, mcp.New(stack.Set, mcp.Options{}), Options{})
	server.auth = byName
	web := httptest.NewServer(server.Handler())
	t.Cleanup(web.Close)

	const work = `{"steps":2,"delay_ms":5}`
	modern := era{modern: true}
	headers := append(modern.headers(t, web.URL, "test_steps"), "Authorization")
	var began, served atomic.Int64 // calls of the greedy client
	call := func(who string) bool {
		res, text := request(t, http.MethodPost, web.URL+Path, modern.call("1", "test_steps", work, ""), slices.Concat(headers, []string{"Bearer " + who})...)
		if res.StatusCode != http.StatusOK || !strings.Contains(text, `completed`) {
			t.Errorf("%s: %s: %s", who, res.Status, text)
			return false
		}
		return true
	}
	tree := `{"wait_seconds":0,"tasks":[{"name":"many","schemas":{"method":"test_steps"},"for_each":"${{ [range(1000)] }}","inputs":` + work + `}]}`
	if res, text := request(t, http.MethodPost, web.URL+Path, modern.call("1", "run_task_tree", tree, ""),
		append(modern.headers(t, web.URL, "run_task_tree"), "Authorization", "Bearer greedy")...); res.StatusCode != http.StatusOK {
		t.Fatal(text)
	}
	var greedy, others sync.WaitGroup
	for range 200 {
		greedy.Go(func() {
			began.Add(1)
			if call("greedy") {
				served.Add(1)
			}
		})
	}
	for begun := time.Now(); began.Load() < 200 || served.Load() < 2; time.Sleep(time.Millisecond) {
		if time.Since(begun) > executortest.Patience {
			t.Fatal("the greedy client is not served at all")
		}
	}
	before := served.Load()
	var last atomic.Int64
	for i := range 9 {
		others.Go(func() {
			for range 3 {
				call(fmt.Sprint("client", i))
			}
			last.Store(max(last.Load(), served.Load()))
		})
	}
	others.Wait()
	if n := last.Load() - before; n > 60 {
		t.Errorf("nine clients with three calls each waited for %d of the greedy one's", n)
	}
	greedy.Wait()
}
