package planner_test

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/tools/tasktree/internal/planner"
	"github.com/chainwright/chainwright/tools/tasktree/internal/world"
)

// The requirements of the guide have the shape of a right plan, in the notation
// of shapeOf.
func TestGuide(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/guide.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Requirement string
		Tasks       []string
	}
	if err := yaml.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	reg := registry(t)
	for _, each := range all {
		plan, refused := planner.Make(each.Requirement, planner.Options{Registry: reg})
		if len(each.Tasks) == 0 {
			if refused == nil || refused.Field != "requirement" {
				t.Errorf("%q: %v", each.Requirement, refused)
			}
			continue
		}
		if refused != nil {
			t.Errorf("%q: %v", each.Requirement, refused)
			continue
		}
		got := shapeOf(plan.Parsed)
		same := len(got) == len(each.Tasks)
		for i := 0; same && i < len(got); i++ {
			id, rest, _ := strings.Cut(each.Tasks[i], " ")
			gotID, gotRest, _ := strings.Cut(got[i], " ")
			same = rest == gotRest && strings.HasPrefix(gotID, id)
		}
		if !same {
			t.Errorf("%q:\n  got  %q\n  want %q\n%s", each.Requirement, got, each.Tasks, drawn(plan))
		}
	}
}

// Nothing in the code is made for a requirement or a value of the tests.
func TestNoFixtureInTheCode(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fixtures := []string{"Oslo", "example.com/hook", "x.io", "orders.csv", "a.json", "127.0.0.1", "two different ways in parallel", "customer data", "ops@"}
	data, _ := world.Load(t)
	for name := range data.Files {
		fixtures = append(fixtures, name)
	}
	for _, route := range data.API {
		fixtures = append(fixtures, route.Path)
	}
	for _, name := range append(files, "lexicon.yaml") {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".go") { // comments may have examples
			file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, group := range slices.Backward(file.Comments) {
				for _, comment := range slices.Backward(group.List) {
					text = slices.Delete(text, int(comment.Pos())-1, int(comment.End())-1)
				}
			}
		}
		for _, fixture := range fixtures {
			if strings.Contains(string(text), fixture) {
				t.Errorf("%s names %q", name, fixture)
			}
		}
	}
}

func TestSameWordsSamePlan(t *testing.T) {
	t.Parallel()
	const requirement = "Fetch https://a.example.com/orders and https://b.example.com/orders in parallel, merge them, save the orders to all.json, and post an alert to https://c.example.com if there are more than 10 orders"
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
	const requirement = "Fetch https://api.example.com/a, count the rows and save the count to a.json"
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
	for _, opts := range []planner.Options{{Allowed: []string{"rest_executor", "data_processor"}}, {Exclude: []string{"file_writer"}}} {
		opts.Registry = reg
		if _, err = planner.Make(requirement, opts); err == nil || !strings.Contains(err.Message, "file_writer") {
			t.Errorf("an executor that is not allowed: %v", err)
		}
	}
}

// A run can't start without the values that the requirement does not name.
func TestUnnamedValuesAreRequired(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	for requirement, names := range map[string][]string{
		"Fetch data from API and save it to database":                                       {"fetch_url", "save_connection", "save_statement"},
		"Fetch https://api.example.com/a and save it to a file":                             {"save_path"},
		"Fetch https://api.example.com/orders, filter them, sort the orders and group them": {"filter_where", "group_by", "sort_by"},
		"Fetch https://api.example.com/orders/{order} and notify the team":                  {"notify_url", "order"},
		"Query the orders table, sum the rows and email the sum to me":                      {"email_to", "query_connection", "sum_amount"},
		"Measure the disk and send a notification if the threshold is exceeded":             {"send_url", "threshold"},
	} {
		plan, err := planner.Make(requirement, planner.Options{Registry: reg})
		if err != nil {
			t.Errorf("%q: %v", requirement, err)
			continue
		}
		var schema struct {
			Required   []string
			Properties map[string]struct {
				Default     any
				Description string
			}
		}
		if err := json.Unmarshal(plan.Parsed.InputSchema.JSON(), &schema); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(schema.Required, names) || len(schema.Properties) != len(names) {
			t.Errorf("%q requires %q, want %q", requirement, schema.Required, names)
		}
		for name, property := range schema.Properties {
			if property.Default != nil || property.Description == "" {
				t.Errorf("%q: the input %s has a default or no description", requirement, name)
			}
		}
	}
}

// Whatever the words, the planner refuses or makes a valid tree.
func FuzzPlan(f *testing.F) {
	for _, requirement := range requirements(f) {
		f.Add(requirement)
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
		if _, report := parse.Parse(raw, reg, parse.Options{}); !report.Valid() {
			t.Fatalf("%q: %v", requirement, report.Problems)
		}
		for _, task := range plan.Parsed.Tasks {
			if n := utf8.RuneCountInString(task.Name); n == 0 || n > 60 {
				t.Fatalf("%q: a task is named %q", requirement, task.Name)
			}
		}
	})
}

// requirements are those of all tables.
func requirements(t testing.TB) (all []string) {
	for _, name := range []string{"guide", "effects", "changed"} {
		data, err := os.ReadFile("testdata/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		var table []struct{ Requirement string }
		if err := yaml.Unmarshal(data, &table); err != nil {
			t.Fatal(name, err)
		}
		for _, each := range table {
			all = append(all, strings.ReplaceAll(each.Requirement, "URL", "https://api.example.com"))
		}
	}
	return all
}

// What people write is cut, mixed and mistyped: whatever comes of it, it is
// refused or a valid tree. The words are the same each time.
func TestMixedWords(t *testing.T) {
	t.Parallel()
	var sentences [][]string
	for _, each := range requirements(t) {
		sentences = append(sentences, strings.Fields(each))
	}
	reg := registry(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 600 {
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

// A word that the planner does not know refuses every requirement that it is
// put into, wherever it stands.
func TestNoWordIsOverlooked(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	for _, requirement := range requirements(t) {
		if _, refused := planner.Make(requirement, planner.Options{Registry: reg}); refused != nil {
			continue
		}
		words := strings.Fields(requirement)
		for i := range len(words) + 1 {
			quotes := strings.Count(strings.Join(words[:i], " "), `"`) + strings.Count(strings.Join(words[:i], " "), "{")
			if quotes%2 != 0 {
				continue // in a text
			}
			for k, word := range []string{"except", "twice", "hardly", "77", "zork@example.org", "https://zork.example.org", `"zork"`} {
				if (i+k)%executortest.Slower != 0 {
					continue
				}
				text := strings.Join(slices.Insert(slices.Clone(words), i, word), " ")
				plan, refused := planner.Make(text, planner.Options{Registry: reg})
				if refused == nil && !strings.Contains(withoutTexts(plan), strings.Trim(word, `"`)) {
					t.Errorf("%q was planned without %s:\n%s", text, word, drawn(plan))
				}
			}
		}
	}
}

// withoutTexts is a plan without the texts that quote the requirement.
func withoutTexts(plan *planner.Plan) string {
	var all []any
	for _, task := range plan.Tree["tasks"].([]any) {
		all = append(all, task.(map[string]any)["inputs"], task.(map[string]any)["when"], task.(map[string]any)["for_each"])
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// Reading a requirement allocates in proportion to its length, up to the
// longest that is taken, whatever is in it.
func TestLongRequirements(t *testing.T) { // not parallel: it measures memory
	reg := registry(t)
	for _, each := range []string{
		"fetch https://api.example.com/a and ", "if each in parallel, ", "for each x, ", "(((", "two apis and ", "save it, ", "a ", "query the a table, ", "`", "{", "{ ", `"`, "“ ", "when is more than 3 ",
		"fetch two apis and merge them. if anything fails notify the team. ", "fetch a.json. save the top 3 by x to c.csv. ",
	} {
		executortest.Linear(t, each, 5000, func(n int) {
			_, _ = planner.Make(strings.Repeat(each, n/len(each)), planner.Options{Registry: reg, MaxTasks: 50})
		})
	}
}

func TestSlug(t *testing.T) {
	t.Parallel()
	for requirement, want := range map[string]string{
		"Measure the CPU, the memory and the disk in parallel, then write": "measure-the-cpu-the-memory-and-the-disk",
		"Fetch https://api.example.com/orders and count them":              "fetch-api-example-com-orders-and-count-them",
		"Monitor the system's resources":                                   "monitor-the-systems-resources",
		strings.Repeat("a", 100):                                           strings.Repeat("a", 48),
		"Mesure l’état du disque":                                          "mesure-l-tat-du-disque",
		"測る":                                                               "plan",
		"":                                                                 "plan",
	} {
		if got := planner.Slug(requirement); got != want {
			t.Errorf("%q is named %q, want %q", requirement, got, want)
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	reg := registry(b)
	for b.Loop() {
		if _, err := planner.Make("Fetch customer data from API, validate information, process orders in parallel for each customer, aggregate results, calculate totals, and generate final report", planner.Options{Registry: reg}); err != nil {
			b.Fatal(err)
		}
	}
}
