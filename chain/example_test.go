package chain_test

import (
	"context"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
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
	tree, report := chain.Parse([]byte(`
- id: fetch
  name: rest_executor
  inputs: {url: "https://example.com/orders"}
- id: total
  name: data_processor
  inputs: {data: "${{ tasks.fetch.result.json }}", field: price}
`), exampleRegistry(), chain.ParseOptions{})

	fmt.Println(report.Valid())
	for _, d := range tree.Tasks[1].Dependencies {
		fmt.Println("total waits for", tree.Tasks[d.Task].ID)
	}
	// Output:
	// true
	// total waits for fetch
}

func ExampleParse_problems() {
	_, report := chain.Parse([]byte(`
- {id: a, name: rest_executor, inputs: {url: "https://example.com", method: get}, dependencies: [c]}
- {id: b, name: data_procesor, dependencies: [a]}
- {id: c, name: system_info_executor, when: "${{ tasks.b.status == \"completed\" }}"}
`), exampleRegistry(), chain.ParseOptions{})

	for _, problem := range report.Problems {
		fmt.Println(problem.Code, problem.Path)
		fmt.Println("   ", problem.Message)
	}
	// Output:
	// invalid_input tasks[0].inputs.method
	//     must be one of "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"; got "get"; did you mean "GET"?
	// cycle tasks[0].dependencies[0]
	//     these tasks wait for each other: a → c → b → a
	// unknown_executor tasks[1].name
	//     there is no executor "data_procesor"
}

func ExampleTree_BindInputs() {
	tree, _ := chain.Parse([]byte(`
inputs:
  type: object
  properties: {city: {type: string}, days: {type: integer, default: 3}}
tasks:
  - name: rest_executor
    inputs: {url: "https://example.com/${{ inputs.city }}?days=${{ inputs.days }}"}
`), exampleRegistry(), chain.ParseOptions{})

	_, err := tree.BindInputs(nil)
	fmt.Println(err.Message)

	bound, _ := tree.BindInputs(map[string]any{"city": "Oslo"})
	fmt.Println(bound["city"], bound["days"])
	// Output:
	// the run's inputs are not valid: city is required: task_1 reads it
	// Oslo 3
}

func ExampleSingle() {
	reg := exampleRegistry()
	e, _ := reg.Lookup("data_processor")
	inputs, _ := reg.ResolveInputs("data_processor", []byte(`{"data": [1, 2, "${{ plain }}"], "operation": "count"}`))

	tree := chain.Single(e.Definition(), inputs)
	evaluated, _ := tree.Tasks[0].Inputs.Eval(context.Background(), nil)
	fmt.Println(evaluated["data"])
	fmt.Printf("%s\n", tree.Source())
	// Output:
	// [1 2 ${{ plain }}]
	// [{"inputs":{"data":[1,2,"$${{ plain }}"],"operation":"count"},"name":"data_processor"}]
}
