package planner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/tools/tasktree/planner"
)

// wider is a registry with executors of more kinds than are built in, by
// definition alone: a planner only reads those.
func wider(t testing.TB) *executors.Registry {
	all := map[string]executors.Executor{}
	for _, e := range builtin.All() {
		all[e.Definition().ID] = e
	}
	files, err := filepath.Glob("testdata/executors/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no definitions", err)
	}
	for _, name := range files {
		def, err := executors.LoadDefinition(os.DirFS("."), filepath.ToSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		if all[def.ID] == nil {
			all[def.ID] = executors.New(def, func(context.Context, *executors.Call, map[string]any) (map[string]any, error) { return nil, nil })
		}
	}
	return executortest.Registry(t, nil, slices.Collect(maps.Values(all))...)
}

func TestPicksFromWhatIsThere(t *testing.T) {
	t.Parallel()
	reg := wider(t)
	for _, each := range []want{
		{Requirement: "ssh into web01 and run uptime, then save the output to uptime.txt", Tasks: []string{"ssh", "file_writer < 1"},
			Has: []string{`"host":"web01"`, `"command":"uptime"`}},
		{Requirement: "Run `df -h` on the server db1.example.com over SSH and email the output to ops@example.com", Tasks: []string{"ssh", "send_email < 1"},
			Has: []string{`"host":"db1.example.com"`, `"command":"df -h"`, `"to":"ops@example.com"`}},
		{Requirement: "Run the container python:3.11 with the command \"python -c 'print(1)'\" and store the logs in out.log", Tasks: []string{"docker", "file_writer < 1"},
			Has: []string{`"image":"python:3.11"`}},
		{Requirement: "Call the gRPC service at greeter.example.com:50051, then save the response to out.json", Tasks: []string{"grpc", "file_writer < 1"},
			Has: []string{`"server":"greeter.example.com:50051"`}},
		{Requirement: "Scrape the web page https://example.com/news and email it to me@example.com", Tasks: []string{"scrape", "send_email < 1"},
			Has: []string{`"url":"https://example.com/news"`, `"to":"me@example.com"`}},
		{Requirement: "Query the orders table and send the rows over a websocket to wss://live.example.com/feed", Tasks: []string{"db_query", "websocket < 1"},
			Has: []string{`"url":"wss://live.example.com/feed"`}},
		{Requirement: `Fetch https://api.example.com/names, then greet "Ada" in French`, Tasks: []string{"rest", "greeting < 1"},
			Has: []string{`"name":"Ada"`, `"language":"fr"`}},
		{Requirement: "Fetch data from two different APIs in parallel, then merge the results and save to database", Tasks: []string{"rest", "rest", "data < 1 2", "db_query < 3"}},
		{Requirement: "Monitor CPU and memory in parallel and send a notification if the CPU is above 90%", Tasks: []string{"system", "system", "rest when < 1 2"}},
	} {
		hold(t, reg, each)
	}
}

func TestSameWordsSamePlan(t *testing.T) {
	t.Parallel()
	const requirement = "Download sales, stock and prices from the API in parallel, filter each, merge them, save to all.json, and alert ops if there are more than 10 rows"
	var before string
	for range 20 {
		plan, err := planner.Make(requirement, planner.Options{Registry: registry(t)})
		if err != nil {
			t.Fatal(err)
		}
		now := string(plan.Parsed.Source()) + strings.Join(plan.Warnings, "\n")
		if before != "" && now != before {
			t.Fatalf("the plan changed:\n%s\n%s", before, now)
		}
		before = now
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	const requirement = "Fetch https://api.example.com/a, count the rows and save them to a.json"
	plan, err := planner.Make(requirement, planner.Options{Registry: reg, UserID: "u1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range plan.Parsed.Tasks {
		if task.UserID != "u1" {
			t.Errorf("%s is %q's", task.ID, task.UserID)
		}
	}
	if !slices.ContainsFunc(plan.Warnings, func(w string) bool { return strings.Contains(w, "file_writer is closed by policy") }) {
		t.Errorf("nothing warns of the closed executor: %q", plan.Warnings)
	}
	if _, err = planner.Make(requirement, planner.Options{Registry: reg, MaxTasks: 2}); err == nil || err.Field != "max_tasks" {
		t.Errorf("three tasks where two are allowed: %v", err)
	}
	plan, err = planner.Make(requirement, planner.Options{Registry: reg, Allowed: []string{"rest_executor", "data_processor"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range plan.Parsed.Tasks {
		if task.Executor != "rest_executor" && task.Executor != "data_processor" {
			t.Errorf("%s was not allowed", task.Executor)
		}
	}
}

// What is not planned is said, every time.
func TestNothingIsLeftOutInSilence(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	for requirement, want := range map[string]string{
		"Every night, fetch https://api.example.com/a":                             "scheduler",
		"Wait for the approval, then fetch https://api.example.com/a":              "Wait for the approval",
		"Fetch https://api.example.com/a. Sing a song about it.":                   "Sing a song about it",
		"Fetch data from several APIs and merge it":                                "does not say how many",
		"Fetch https://api.example.com/a and save it to the database":              "save_insert",
		"Fetch https://api.example.com/a and notify ops if the moon is full":       "the moon is full",
		"Send an email to ops@example.com about the disk, then measure the memory": "email",
	} {
		plan, err := planner.Make(requirement, planner.Options{Registry: reg})
		if err != nil {
			t.Errorf("%q: %v", requirement, err)
			continue
		}
		if !slices.ContainsFunc(plan.Warnings, func(w string) bool { return strings.Contains(w, want) }) {
			t.Errorf("%q: no warning has %q: %q", requirement, want, plan.Warnings)
		}
	}
}

// Whatever the words, the planner refuses or gives a valid tree.
func FuzzPlan(f *testing.F) {
	data, err := os.ReadFile("testdata/shapes.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.Lines(data) {
		if text, ok := bytes.CutPrefix(line, []byte("- requirement: ")); ok {
			f.Add(string(bytes.TrimSpace(text)))
		}
	}
	f.Add("in parallel if when each (and), . ; then for each and and fetch if, each")
	f.Add("fetch each `a`, \"b\" and ${{ x }} from ${{ for each of if > 3 then save to c.csv.")
	reg := registry(f)
	f.Fuzz(func(t *testing.T, requirement string) {
		if len(requirement) > 2000 {
			return
		}
		plan, refused := planner.Make(requirement, planner.Options{Registry: reg})
		if refused != nil {
			if refused.Type != executors.ValidationError {
				t.Fatalf("%q: %v", requirement, refused)
			}
			return
		}
		raw, err := json.Marshal(plan.Tree)
		if err != nil {
			t.Fatal(err)
		}
		if _, report := chain.Parse(raw, reg, chain.ParseOptions{}); !report.Valid() {
			t.Fatalf("%q: %v", requirement, report.Problems)
		}
	})
}

// The longest requirement that is taken is read in no time, whatever is in it.
func TestLongRequirements(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	for _, each := range []string{
		"fetch https://api.example.com/a and ", "if each in parallel, ", "for each x, ", "(((", "two apis and ", "save it, ", "a ", "select a from ", "`", "when is more than 3 ",
	} {
		requirement := strings.Repeat(each, 20000/len(each))
		start := time.Now()
		_, _ = planner.Make(requirement, planner.Options{Registry: reg, MaxTasks: 50})
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("%q took %v", each, took)
		}
	}
}
