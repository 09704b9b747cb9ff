package engine_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/rest"
)

// A list that was not read to its end is a warning of the run, and of the answer
// to a call. It is on record, also where results are left out.
func TestWarnings(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if page, _ := strconv.Atoi(r.URL.Query().Get("page")); page <= 14 {
			fmt.Fprintf(w, "[%d]", page)
		} else {
			fmt.Fprint(w, "[]")
		}
	}))
	t.Cleanup(server.Close)
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, open(t), engine.Options{}, policy.Config{Network: policy.Network{Allow: []string{"127.0.0.1"}}})
			if err := b.Registry.Register(rest.New()); err != nil {
				t.Fatal(err)
			}
			inputs := func(more string) string {
				return `{"url":"` + server.URL + `","paginate":{"type":"page"` + more + `}}`
			}
			const stopped = "the list goes on after page 10, where reading stopped because of max_pages 10"
			view := func(id string) *chain.RunView {
				t.Helper()
				v, err := b.Get(t.Context(), id, "", chain.ResultsUpTo(0))
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			v := b.RunTree(t, `[{"id":"all","name":"rest_executor","inputs":`+inputs(`,"max_pages":20`)+`},
				{"id":"some","name":"rest_executor","inputs":`+inputs("")+`},
				{"id":"each","name":"rest_executor","for_each":[20,3],"inputs":`+inputs(`,"max_pages":"${{ item }}"`)+`}]`, chain.RunOptions{})
			want := []string{"some: " + stopped, "each[1]: the list goes on after page 3, where reading stopped because of max_pages 3"}
			for _, v := range []*chain.RunView{v, view(v.RunID)} {
				if diff := cmp.Diff(want, v.Warnings); diff != "" || v.Status != chain.Completed {
					t.Error(v.Status, diff)
				}
				for _, task := range v.Tasks {
					if task.Status != chain.Completed || task.Error != "" || len(task.Errors) > 0 {
						t.Errorf("%+v", task)
					}
				}
			}
			if _, err := b.Retry(t.Context(), v.RunID, []string{"some"}, ""); err != nil {
				t.Fatal(err)
			}
			b.End(t, v.RunID)
			if diff := cmp.Diff(want, view(v.RunID).Warnings); diff != "" {
				t.Error("after a retry", diff)
			}
			result := b.Call(t.Context(), "rest_executor", json.RawMessage(inputs("")), chain.CallOptions{})
			if diff := cmp.Diff([]string{stopped}, result.Warnings); diff != "" || result.Err != nil {
				t.Error(result.Err, diff)
			}
			if err := b.store.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{stopped}, view(result.RunID).Warnings); diff != "" {
				t.Error(diff)
			}
		})
	}
}
