package parse_test

import (
	"fmt"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/policy"
)

func exampleRegistry() *executors.Registry {
	closed, err := policy.New(policy.Config{})
	if err != nil {
		panic(err)
	}
	reg, err := executors.NewRegistry(closed, zerolog.Nop(), builtin.All()...)
	if err != nil {
		panic(err)
	}
	return reg
}

func ExampleParse() {
	tree, report := parse.Parse([]byte(`
- id: fetch
  name: rest_executor
  inputs: {url: "https://example.com/orders"}
- id: total
  name: data_processor
  inputs: {data: "${{ tasks.fetch.result.json }}", field: price}
`), exampleRegistry(), parse.Options{})

	fmt.Println(report.Valid())
	for _, d := range tree.Tasks[1].Dependencies {
		fmt.Println("total waits for", tree.Tasks[d.Task].ID)
	}
	// Output:
	// true
	// total waits for fetch
}

func ExampleParse_problems() {
	_, report := parse.Parse([]byte(`
- {id: a, name: rest_executor, inputs: {url: "https://example.com", method: get}, dependencies: [c]}
- {id: b, name: data_procesor, dependencies: [a]}
- {id: c, name: system_info_executor, when: "${{ tasks.b.status == \"completed\" }}"}
`), exampleRegistry(), parse.Options{})

	for _, problem := range report.Problems {
		fmt.Println(problem.Code, problem.Path)
		fmt.Println("   ", problem.Message)
	}
	// Output:
	// invalid_input tasks[0].inputs.method
	//     must be one of "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"; got "get"; did you mean "GET"?
	// cycle tasks[0].dependencies[0]
	//     dependency cycle: a → c → b → a
	// unknown_executor tasks[1].name
	//     there is no executor "data_procesor"
}
