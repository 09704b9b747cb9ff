package chain_test

import (
	"context"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
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

func ExampleTree_BindInputs() {
	tree, _ := parse.Parse([]byte(`
inputs:
  type: object
  properties: {city: {type: string}, days: {type: integer, default: 3}}
tasks:
  - name: rest_executor
    inputs: {url: "https://example.com/${{ inputs.city }}?days=${{ inputs.days }}"}
`), exampleRegistry(), parse.Options{})

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
