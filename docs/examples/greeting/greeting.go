// Package greeting is greeting_executor in Go: the example of an executor of
// one's own that is built into a program. The definition is a file beside the
// code, as it is for those that the server brings.
package greeting

import (
	"context"
	"embed"
	"fmt"

	"github.com/chainwright/chainwright/executors"
)

//go:embed definition.yaml
var files embed.FS

// Input is what a call gives: valid, with defaults filled in.
type Input struct {
	Name     string `json:"name"`
	Language string `json:"language"`
}

// Output is what it gets.
type Output struct {
	Greeting string `json:"greeting"`
	Name     string `json:"name"`
	Language string `json:"language"`
}

var greetings = map[string]string{"en": "Hello, %s!", "es": "¡Hola, %s!", "fr": "Bonjour, %s!", "zh": "你好，%s！"}

// New makes the executor.
func New() executors.Executor {
	return executors.New(executors.MustLoad(files), greet)
}

func greet(_ context.Context, _ *executors.Call, in Input) (*Output, error) {
	return &Output{Greeting: fmt.Sprintf(greetings[in.Language], in.Name), Name: in.Name, Language: in.Language}, nil
}
