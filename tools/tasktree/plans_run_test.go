package tasktree_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools/tasktree/planner"
)

// shop answers like the APIs of the requirements.
func shop(t *testing.T) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answers := map[string]string{
			"/items":     `[{"category": "a", "price": 1}, {"category": "b", "price": 2}, {"category": "a", "price": 4}]`,
			"/more":      `[{"category": "c", "price": 8}]`,
			"/customers": `{"customers": [{"id": "x", "orders": 2}, {"id": "y", "orders": 3}], "page": 1}`,
			"/posts/x":   `[{"title": "one"}]`,
			"/posts/y":   `[{"title": "two"}, {"title": "three"}]`,
			"/hook":      `{"ok": true}`,
			"/nothing":   `[]`,
		}
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	return server
}

// Plans by rules do what they say once they are given what they ask for.
func TestPlansRun(t *testing.T) {
	t.Parallel()
	api := shop(t)
	folder := t.TempDir()
	pol := executortest.Policy(t, policy.Config{
		Network: policy.Network{Allow: []string{strings.TrimPrefix(api.URL, "http://")}},
		Files:   policy.Files{Roots: map[string]policy.Root{"work": {Path: folder, Write: true}}},
	})
	reg := executortest.Registry(t, pol, builtin.All()...)
	kept := memory.Open(memory.Options{})
	runner := chain.NewRunner(chain.RunnerOptions{Registry: reg, Store: kept, Log: zerolog.Nop()})
	t.Cleanup(func() {
		if err := runner.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		_ = kept.Close()
	})
	for name, text := range map[string]string{"lines.txt": "fine\nERROR a\nfine\nERROR b\n", "urls.txt": api.URL + "/items\n" + api.URL + "/more\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, each := range map[string]struct {
		requirement string
		inputs      map[string]any
		results     map[string]string // what a task's result holds
		states      map[string]chain.State
		files       map[string]string
	}{
		"merge": {
			requirement: "Fetch URL/items and URL/more in parallel, then merge them and save the result to merged.json",
			results:     map[string]string{"merge": `[{"category":"a","price":1},{"category":"b","price":2},{"category":"a","price":4},{"category":"c","price":8}]`},
			files:       map[string]string{"merged.json": `"price":8`},
		},
		"categories": {
			requirement: "Fetch data from URL/items, organize into categories, process each category in parallel, then aggregate all category results",
			results:     map[string]string{"organize": `"key":"b"`, "aggregate": `"price":4`},
		},
		"orders": {
			requirement: "Fetch customer data from URL/customers, validate information, process orders in parallel for each customer, aggregate results, calculate totals, and generate final report",
			results:     map[string]string{"process": `"id":"y"`, "calculate": `{"orders":5}`, "generate": `orders`},
		},
		"ways": {
			requirement: "Fetch data from URL/items, process it in two different ways in parallel (filter and aggregate), merge both results, and save to ways.json",
			inputs:      map[string]any{"filter_where": ".price > 3"},
			results:     map[string]string{"filter": `[{"category":"a","price":4}]`, "aggregate": `{"count":3,"totals":{"price":7}}`},
			files:       map[string]string{"ways.json": `"totals"`},
		},
		"each": {
			requirement: "Fetch the customers from URL/customers, for each customer get the posts from URL/posts, and save everything to posts.json",
			files:       map[string]string{"posts.json": `[[{"title":"one"}],[{"title":"two"},{"title":"three"}]]`},
		},
		"table": {
			requirement: "Fetch URL/items, keep those with price over 1, sort them by price descending and save them to dear.csv",
			files:       map[string]string{"dear.csv": "4\nb,2"},
		},
		"average": {
			requirement: "Fetch URL/items, compute the average of price and write it to average.txt",
			files:       map[string]string{"average.txt": "2.333"},
		},
		"more than": {
			requirement: "Fetch URL/items and post an alert to URL/hook when there are more than 2 items, then write a report",
			states:      map[string]chain.State{"post": chain.Completed, "write": chain.Completed},
		},
		"not more than": {
			requirement: "Fetch URL/items and post an alert to URL/hook when there are more than 3 items, then write a report",
			states:      map[string]chain.State{"post": chain.Skipped, "write": chain.Completed},
		},
		"invalid": {
			requirement: "Fetch URL/nothing and validate it. If it is valid, save it to good.json, otherwise post a notification to URL/hook.",
			states:      map[string]chain.State{"validate": chain.Failed, "save": chain.Skipped, "post": chain.Completed},
		},
		"valid": {
			requirement: "Fetch URL/items and validate it. If it is valid, save it to fine.json, otherwise post a notification to URL/hook.",
			states:      map[string]chain.State{"validate": chain.Completed, "save": chain.Completed, "post": chain.Skipped},
		},
		"a failed request": {
			requirement: "Monitor URL/gone and post a notification to URL/hook if the request fails",
			states:      map[string]chain.State{"monitor": chain.Failed, "post": chain.Completed},
		},
		"different": {
			requirement: "Fetch URL/items and URL/more, compare them, and post a notification to URL/hook if they differ",
			results:     map[string]string{"compare": `"equal":false,"only_in":{"fetch":[{"category":"a","price":1}`},
			states:      map[string]chain.State{"post": chain.Completed},
		},
		"the same": {
			requirement: "Fetch URL/items and URL/items?again=1, compare them, and post a notification to URL/hook if they differ",
			results:     map[string]string{"compare": `"equal":true,"only_in":{"fetch":[],"fetch_2":[]}`},
			states:      map[string]chain.State{"post": chain.Skipped},
		},
		"a part": {
			requirement: "Fetch URL/items, keep the first 2 and save them to first.json",
			files:       map[string]string{"first.json": `[{"category":"a","price":1},{"category":"b","price":2}]`},
		},
		"the top": {
			requirement: "Fetch URL/items and save the top 2 by price to top.json",
			files:       map[string]string{"top.json": `[{"category":"a","price":4},{"category":"b","price":2}]`},
		},
		"per category": {
			requirement: "Fetch URL/items, work out the total per category and save it to totals.json",
			files:       map[string]string{"totals.json": `[{"category":"a","price":5},{"category":"b","price":2}]`},
		},
		"how many per category": {
			requirement: "Fetch URL/items, count the items per category and save it to counted.json",
			files:       map[string]string{"counted.json": `[{"category":"a","count":2},{"category":"b","count":1}]`},
		},
		"instead": {
			requirement: "Fetch URL/gone; if it fails, fetch URL/more instead, then count the items",
			results:     map[string]string{"count": `"result":1`},
			states:      map[string]chain.State{"fetch": chain.Failed, "count": chain.Completed},
		},
		"not instead": {
			requirement: "Fetch URL/items; if it fails, fetch URL/more instead, then count the items",
			results:     map[string]string{"count": `"result":3`},
			states:      map[string]chain.State{"fetch_2": chain.Skipped, "count": chain.Completed},
		},
		"cut if long": {
			requirement: "Fetch URL/items; if there are more than 2 items keep only the first 1, then save to cut.json",
			files:       map[string]string{"cut.json": `[{"category":"a","price":1}]`},
		},
		"not cut": {
			requirement: "Fetch URL/more; if there are more than 2 items keep only the first 1, then save to uncut.json",
			states:      map[string]chain.State{"keep": chain.Skipped, "save": chain.Completed},
			files:       map[string]string{"uncut.json": `[{"category":"c","price":8}]`},
		},
		"lines": {
			requirement: "Count the lines containing ERROR in lines.txt and save the count to errors.json",
			results:     map[string]string{"count": `"result":2`},
			files:       map[string]string{"errors.json": "2"},
		},
		"each address": {
			requirement: "For each url in urls.txt fetch the page, count the words and write the counts to counts.json",
			files:       map[string]string{"counts.json": "[1,1]"},
		},
		"any failure": {
			requirement: "Fetch URL/items, fetch URL/gone and save it to gone.json, and if anything fails post a notification to URL/hook",
			states:      map[string]chain.State{"fetch_2": chain.Failed, "save": chain.Skipped, "post": chain.Completed},
		},
		"machine": {
			requirement: "Monitor system resources (CPU, memory, disk) in parallel, analyze metrics, generate report, and post a notification to URL/hook if threshold exceeded",
			inputs:      map[string]any{"threshold": json.Number("-1")},
			results:     map[string]string{"analyze": `"usage_percent"`, "generate": "usage_percent"},
			states:      map[string]chain.State{"post": chain.Completed},
		},
	} {
		t.Run(name, func(t *testing.T) {
			plan, refused := planner.Make(strings.ReplaceAll(each.requirement, "URL", api.URL), planner.Options{Registry: reg})
			if refused != nil {
				t.Fatal(refused)
			}
			started, err := runner.Start(t.Context(), plan.Parsed, chain.RunOptions{Inputs: each.inputs})
			if err != nil {
				t.Fatalf("%v\n%s", err, plan.Parsed.Source())
			}
			view, err := runner.Wait(t.Context(), started.ID, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, task := range view.Tasks {
				if want, ok := each.states[task.ID]; ok && task.Status != want {
					t.Errorf("%s is %s, not %s: %s", task.ID, task.Status, want, task.Error)
				} else if !ok && task.Status == chain.Failed {
					t.Errorf("%s failed: %s", task.ID, task.Error)
				}
				if want := each.results[task.ID]; !strings.Contains(string(task.Result), want) {
					t.Errorf("%s gave %s, without %s", task.ID, task.Result, want)
				}
			}
			for id := range each.states {
				if !strings.Contains(string(plan.Parsed.Source()), `"id":"`+id+`"`) {
					t.Errorf("there is no task %s", id)
				}
			}
			for file, want := range each.files {
				data, err := os.ReadFile(filepath.Join(folder, file))
				if strings.HasSuffix(file, ".json") {
					data = []byte(strings.Join(strings.Fields(string(data)), ""))
				}
				if err != nil || !strings.Contains(string(data), want) {
					t.Errorf("%s is %q, without %q (%v)", file, data, want, err)
				}
			}
			if t.Failed() {
				t.Logf("%s", plan.Parsed.Source())
			}
		})
	}
}
