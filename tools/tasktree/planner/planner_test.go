package planner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
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
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools/tasktree/planner"
)

// The executors of users are picked like any other, by what their definitions
// say.
func TestPicksFromWhatIsThere(t *testing.T) {
	t.Parallel()
	def, err := executors.LoadDefinition(os.DirFS("testdata"), "greeting.yaml")
	if err != nil {
		t.Fatal(err)
	}
	greeting := executors.New(def, func(context.Context, *executors.Call, map[string]any) (map[string]any, error) { return nil, nil })
	reg := executortest.Registry(t, nil, append(builtin.All(), greeting)...)
	for _, each := range []want{
		{Requirement: `Fetch https://api.example.com/names, then greet "Ada" in French`, Tasks: []string{"rest", "greeting < 1"},
			Has: []string{`"name":"Ada"`, `"language":"fr"`}},
		{Requirement: "Fetch data from two different APIs in parallel, then merge the results and save to database", Tasks: []string{"rest", "rest", "data < 1 2", "db_query < 3"}},
		{Requirement: "Monitor CPU and memory in parallel and send a notification if the CPU is above 90%", Tasks: []string{"system", "system", "rest when < 1 2"}},
	} {
		hold(t, reg, each)
	}
}

// What a requirement names is planned with the executor that is for it,
// whether policy has opened that or not; where it has not, a warning says what
// would.
func TestOpenAndClosed(t *testing.T) {
	t.Parallel()
	open := executortest.Registry(t, executortest.Policy(t, policy.Config{
		SSH: policy.SSH{Hosts: []string{"web01"}}, Docker: policy.Docker{Images: []string{"alpine:3.20"}},
		Connections: map[string]policy.Connection{
			"shop": {Kind: "sqlite", DSN: filepath.Join(t.TempDir(), "shop.db")},
			"mail": {Kind: "smtp", Host: "mail.example.com", From: "me@example.com"},
		},
	}), builtin.All()...)
	closed := registry(t)
	for requirement, each := range map[string]struct {
		executor, opens string // empty: it is open anyway
	}{
		"Run `uptime` on web01 over ssh":                                        {"ssh_executor", "policy.ssh.hosts"},
		"Run alpine:3.20 in a container with the command `date`":                {"docker_executor", "policy.docker.images"},
		"Call shop.Inventory/List of the gRPC service at stock.example.com:443": {"grpc_executor", ""},
		"Send \"hello\" over a websocket to wss://live.example.com/feed":        {"websocket_executor", ""},
		"Scrape https://example.com/news":                                       {"scrape_executor", ""},
		"Send an email to me@example.com that says \"done\"":                    {"send_email_executor", "policy.connections"},
		"Query the orders table":                                                {"db_query", "policy.connections"},
	} {
		for name, reg := range map[string]*executors.Registry{"open": open, "closed": closed} {
			plan, err := planner.Make(requirement, planner.Options{Registry: reg})
			if err != nil {
				t.Errorf("%s, %q: %v", name, requirement, err)
				continue
			}
			if len(plan.Parsed.Tasks) != 1 || plan.Parsed.Tasks[0].Executor != each.executor {
				t.Errorf("%s, %q:\n%s", name, requirement, drawn(plan))
			}
			warned := slices.ContainsFunc(plan.Warnings, func(w string) bool {
				return strings.Contains(w, each.executor+" is closed by policy") && strings.Contains(w, each.opens)
			})
			if want := name == "closed" && each.opens != ""; warned != want {
				t.Errorf("%s, %q: %q", name, requirement, plan.Warnings)
			}
		}
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

// What people write is cut, mixed and mistyped: whatever comes of it, it is
// refused or a valid tree. The words are the same each time.
func TestMixedWords(t *testing.T) {
	t.Parallel()
	var sentences [][]string
	for _, name := range []string{"shapes", "remote", "people"} {
		for _, each := range wanted(t, name) {
			sentences = append(sentences, strings.Fields(each.Requirement))
		}
	}
	sentences = slices.DeleteFunc(sentences, func(words []string) bool { return len(words) == 0 })
	reg := registry(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		words := slices.Concat(sentences[random.IntN(len(sentences))], sentences[random.IntN(len(sentences))])
		words = words[random.IntN(len(words)):]
		for range random.IntN(8) {
			i, j := random.IntN(len(words)), random.IntN(len(words))
			words[i], words[j] = words[j], words[i]
		}
		text := strings.Join(words, " ")
		if at := random.IntN(3 * len(text)); at < len(text) {
			text = text[:at] + string(rune(random.IntN(300))) + text[at:]
		}
		if _, refused := planner.Make(text, planner.Options{Registry: reg}); refused != nil && refused.Type != executors.ValidationError {
			t.Errorf("%q: %v", text, refused)
		}
	}
}

// The longest requirement that is taken is read in no time, whatever is in it.
func TestLongRequirements(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	for _, each := range []string{
		"fetch https://api.example.com/a and ", "if each in parallel, ", "for each x, ", "(((", "two apis and ", "save it, ", "a ", "select a from ", "`", "when is more than 3 ",
		"fetch two apis and merge them, if anything fails alert ops. ", "compare a.json with b.json, save the top 3 by x to c.csv, ",
	} {
		requirement := strings.Repeat(each, 20000/len(each))
		start := time.Now()
		_, _ = planner.Make(requirement, planner.Options{Registry: reg, MaxTasks: 50})
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("%q took %v", each, took)
		}
	}
}
