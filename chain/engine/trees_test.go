package engine_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
)

// peers answer the requests of the example trees.
type peers struct {
	*httptest.Server
	mu     sync.Mutex
	alerts []string
}

func newPeers(t *testing.T) *peers {
	p := &peers{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /services.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"services": [{"name": "web", "load": 93.5}, {"name": "mail", "load": 12}, {"name": "db", "load": 97.25}]}`)
	})
	mux.HandleFunc("GET /items", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"items": [{"price": %s.5}, {"price": 1}]}`, r.URL.Query().Get("page"))
	})
	mux.HandleFunc("POST /alerts", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		p.mu.Lock()
		p.alerts = append(p.alerts, string(body))
		p.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// runExample runs one of the example trees with the built-in executors.
func runExample(t *testing.T, name, folder string, cfg policy.Config, inputs map[string]any) *chain.RunView {
	t.Helper()
	if folder != "" {
		cfg.Files = policy.Files{Roots: map[string]policy.Root{"work": {Path: folder, Write: true}}}
	}
	reg := executortest.Registry(t, executortest.Policy(t, cfg), builtin.All()...)
	content, err := os.ReadFile(filepath.Join("../../testdata/trees", name))
	if err != nil {
		t.Fatal(err)
	}
	tree, report := parse.Parse(content, reg, parse.Options{})
	if len(report.Problems)+len(report.Warnings) > 0 {
		t.Fatalf("%+v", report)
	}
	s := memory.Open(memory.Options{})
	runner := engine.New(engine.Options{Registry: reg, Store: s})
	t.Cleanup(func() {
		if err := runner.Close(t.Context()); err != nil {
			t.Log(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	run, err := chain.Start(t.Context(), runner, tree, chain.RunOptions{Inputs: inputs})
	if err != nil {
		t.Fatal(err)
	}
	view, err := runner.Wait(t.Context(), run.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	return view
}

func states(view *chain.RunView) string {
	var list []string
	for _, task := range view.Tasks {
		list = append(list, task.ID+" "+string(task.Status))
	}
	return strings.Join(list, ", ")
}

func TestSystemReport(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		threshold, alert, want string
	}{
		"over the threshold": {"90", `{"report":"%s","services":[{"load":97.25,"name":"db"},{"load":93.5,"name":"web"}],"text":"2 services over 90"}`, "completed"},
		"under it":           {"99.5", "", "skipped"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, folder := newPeers(t), t.TempDir()
			view := runExample(t, "system_report.yaml", folder,
				policy.Config{Network: policy.Network{Allow: []string{strings.TrimPrefix(p.URL, "http://")}}},
				map[string]any{"services_url": p.URL + "/services.json", "notify_url": p.URL + "/alerts", "threshold": json.Number(c.threshold)})
			want := "cpu completed, memory completed, disk completed, fetch completed, busy completed, joined completed, report completed, notify " + c.want
			if diff := cmp.Diff(want, states(view)); diff != "" || view.Status != chain.Completed {
				for _, task := range view.Tasks {
					t.Log(task.ID, task.Status, task.Error)
				}
				t.Fatal(view.Status, diff)
			}
			path := filepath.Join(folder, "system-report.md")
			report, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, services, ok := strings.Cut(string(report), "|---|---|---|\n")
			if !ok || strings.Contains(string(report), "${{") {
				t.Fatalf("the report is\n%s", report)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if c.alert == "" {
				if len(p.alerts) > 0 {
					t.Errorf("alerted: %s", p.alerts)
				}
				return
			}
			const table = "| web | 93.5 | too busy |\n| mail | 12 |  |\n| db | 97.25 | too busy |\n\n2 over the threshold of 90.\n"
			if diff := cmp.Diff(table, services); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{fmt.Sprintf(c.alert, path)}, p.alerts); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExampleTreesRun(t *testing.T) {
	t.Parallel()
	p := newPeers(t)
	open := policy.Config{Network: policy.Network{Allow: []string{strings.TrimPrefix(p.URL, "http://")}}}
	for name, c := range map[string]struct {
		file, states, task, result string
		inputs                     map[string]any
	}{
		"hello": {
			"hello.yaml", "machine completed, sorted completed, largest completed, summary completed",
			"sorted", `{"operation":"sort","result":[1,1,3,4,5,9],"input_count":6}`, nil,
		},
		"fan-out": {
			"fan_out.yaml", "page completed, total completed",
			"total", `{"operation":"sum","result":10.5,"input_count":6}`, map[string]any{"base_url": p.URL},
		},
		"the first address works": {
			"optional_step.yaml", "first completed, second skipped, answer completed",
			"answer", `{"operation":"jq","result":{"answer":{"items":[{"price":1.5},{"price":1}]},"from":"one of them"},"input_count":1}`,
			map[string]any{"first_url": p.URL + "/items?page=1", "second_url": p.URL + "/items?page=2"},
		},
		"the second does": {
			"optional_step.yaml", "first failed, second completed, answer completed",
			"answer", `{"operation":"jq","result":{"answer":{"items":[{"price":2.5},{"price":1}]},"from":"one of them"},"input_count":1}`,
			map[string]any{"first_url": p.URL + "/none", "second_url": p.URL + "/items?page=2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			view := runExample(t, c.file, "", open, c.inputs)
			if diff := cmp.Diff(c.states, states(view)); diff != "" || view.Status != chain.Completed {
				for _, task := range view.Tasks {
					t.Log(task.ID, task.Status, task.Error)
				}
				t.Fatal(view.Status, diff)
			}
			for _, task := range view.Tasks {
				if task.ID != c.task {
					continue
				}
				var got, want any
				if err := json.Unmarshal(task.Result, &got); err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal([]byte(c.result), &want); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}
