// Package greeting is an example of an executor in a Go program. It is not a stable API.
// It implements greeting_executor. The definition is a file in the same folder,
// as for the built-in executors.
package greeting

import (
	"context"
	"embed"
	"fmt"

	"github.com/chainwright/chainwright/executors"
)

//go:embed definition.yaml
var files embed.FS

// Input is the inputs of a call, validated and with defaults filled in.
type Input struct {
	Name     string `json:"name"`
	Language string `json:"language"`
}

// Output is the result of a call.
type Output struct {
	Greeting string `json:"greeting"`
	Name     string `json:"name"`
	Language string `json:"language"`
}

var greetings = map[string]string{"en": "Hello, %s!", "es": "¡Hola, %s!", "fr": "Bonjour, %s!", "zh": "你好，%s！"}

// New returns the executor.
func New() executors.Executor {
	return executors.New(executors.MustLoad(files), greet)
}

func greet(_ context.Context, _ *executors.Call, in Input) (*Output, error) {
	return &Output{Greeting: fmt.Sprintf(greetings[in.Language], in.Name), Name: in.Name, Language: in.Language}, nil
}
