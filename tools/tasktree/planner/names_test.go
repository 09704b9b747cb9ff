package planner_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chainwright/chainwright/tools/tasktree/planner"
)

// Each task is named for what it does itself, however many of them a clause
// stands for.
func TestTasksAreNamedForWhatTheyDo(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	for requirement, want := range map[string][]string{
		"Measure the CPU, the memory and the disk in parallel, then write a report": {
			"Measure the CPU", "Measure the memory", "Measure the disk", "Write a report"},
		"Monitor the system's resources (CPU, memory) in parallel and write a report": {
			"Monitor CPU", "Monitor memory", "Write a report"},
		"Measure both the CPU and the memory of the machine": {
			"Measure the CPU of the machine", "Measure the memory of the machine"},
		"Fetch both https://a.example.com/a and https://b.example.com/b at the same time, validate each response, and merge them": {
			"Fetch https://a.example.com/a", "Fetch https://b.example.com/b",
			"Validate the response of https://a.example.com/a", "Validate the response of https://b.example.com/b", "Merge them"},
		"Fetch data from two different APIs in parallel, then merge the results": {
			"Fetch data from API 1", "Fetch data from API 2", "Merge the results"},
		"Fetch the orders and the customers from two APIs in parallel": {
			"Fetch the orders", "Fetch the customers"},
		"Fetch users from the API and orders from the database in parallel, filter both separately": {
			"Fetch users from the API", "Fetch orders from the database", "Filter users", "Filter orders"},
		"Download data from several sources simultaneously, transform each dataset independently": {
			"Download data from source 1", "Download data from source 2", "Transform dataset 1", "Transform dataset 2"},
		"Fetch data from an API, process the orders in two different ways in parallel (filter and aggregate)": {
			"Fetch data from an API", "Filter the orders", "Aggregate the orders"},
		"Read the files a.json and b.json in parallel, process the orders in two ways": {
			"Read a.json", "Read b.json", "Process the orders (way 1)", "Process the orders (way 2)"},
		"Run `go vet ./...` and `go test ./...` in parallel": {"Run go vet ./...", "Run go test ./..."},
		"Read a.csv and b.csv side by side, calculate statistics for each file": {
			"Read a.csv", "Read b.csv", "Calculate statistics for a.csv", "Calculate statistics for b.csv"},
		"Check the disk on web01 and web02 via ssh": {"Check the disk on web01 via ssh", "Check the disk on web02 via ssh"},
		"Measure the disk while fetching https://a.example.com, then build a pipeline that counts the rows": {
			"Measure the disk", "Fetch https://a.example.com", "Count the rows"},
		"Get all the open pull requests that were made in the last two weeks from https://api.example.com/pulls": {
			"Get all the open pull requests that were made in the last…"},
		"Fetch https://api.example.com/repos/somebody/something/pulls?state=open&per_page=100": {
			"Fetch https://api.example.…e=open&per_page=100"},
		"Fetch the list of categories from the API and process every category in parallel": {
			"Fetch the list of categories from the API", "Process every category in parallel"},
	} {
		plan, err := planner.Make(requirement, planner.Options{Registry: reg})
		if err != nil {
			t.Errorf("%q: %v", requirement, err)
			continue
		}
		var names []string
		for i := range plan.Parsed.Tasks {
			names = append(names, plan.Parsed.Tasks[i].Name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("%q:\n  got  %q\n  want %q", requirement, names, want)
		}
	}
}

// A name is short, whatever is planned; what a model or a reader of the result
// is told is not cut with it.
func TestNamesAreShort(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	for _, file := range []string{"shapes", "remote", "people"} {
		for _, each := range wanted(t, file) {
			plan, err := planner.Make(each.Requirement, planner.Options{Registry: reg})
			if err != nil {
				continue
			}
			for i := range plan.Parsed.Tasks {
				if name := plan.Parsed.Tasks[i].Name; name == "" || utf8.RuneCountInString(name) > 60 {
					t.Errorf("%q: a task is named %q", each.Requirement, name)
				}
			}
			if name := plan.Parsed.Name; name == "" || len(name) > 48 {
				t.Errorf("%q is named %q", each.Requirement, name)
			}
		}
	}
	const told = "Summarize https://example.com/a with a language model in three short sentences that any child of ten years understands without help of its parents"
	plan, err := planner.Make(told, planner.Options{Registry: reg})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(plan.Parsed.Source()), "without help of its parents:\\n\\n") {
		t.Errorf("the model is not told all of it:\n%s", drawn(plan))
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
