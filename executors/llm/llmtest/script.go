package llmtest

import (
	"bytes"
	"embed"
	"fmt"
	"path"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed testdata/*.yaml
var scripts embed.FS

// Script says what the server answers: the steps in order, each as often as it
// says, each only to requests that it is for.
type Script struct {
	// Models that the server lists.
	Models []string `yaml:"models"`
	Steps  []Step   `yaml:"steps"`
	// Otherwise answers where no step does. Without it such a request fails
	// the test.
	Otherwise *Step `yaml:"otherwise"`
	// Answer, where set, is asked in place of the steps. It must be safe for
	// concurrent use.
	Answer func(Request) Step `yaml:"-"`
}

// Faults that a step can have beside a status.
const (
	Reset     = "reset"         // the connection is reset in the middle of the body
	Stall     = "stall"         // the body stops in the middle and nothing more comes
	Cut       = "cut"           // the reply ends before the model said that it was done
	NoChoices = "empty_choices" // a response without a reply in it
	Malformed = "malformed"     // a body that is no JSON
	Endless   = "endless"       // a body that never ends
)

// Step is one answer.
type Step struct {
	// When: only for requests whose last message contains this.
	When string `yaml:"when"`
	// Times is how often; 0 is once.
	Times int `yaml:"times"`

	Text     string `yaml:"text"`
	Thinking string `yaml:"thinking"`
	Refusal  string `yaml:"refusal"`
	// Finish is stop where it is empty; length and content_filter are the
	// others, in either protocol's words.
	Finish string `yaml:"finish"`
	Usage  *Usage `yaml:"usage"`

	// Status other than 200 is an error, with Code and Message in the
	// protocol's form, or Body as it stands.
	Status     int    `yaml:"status"`
	RetryAfter string `yaml:"retry_after"`
	Code       string `yaml:"code"`
	Message    string `yaml:"message"`
	Body       string `yaml:"body"`

	Fault string        `yaml:"fault"`
	Delay time.Duration `yaml:"delay"`
}

// Usage is what a step says that it took. Without one it is counted in
// characters of the text: 10 tokens of input, one for each four characters of
// output.
type Usage struct {
	Input  int `yaml:"input"`
	Output int `yaml:"output"`
	Cached int `yaml:"cached"`
}

// Text is a step that answers with a text, always.
func Text(text string) Script { return Script{Otherwise: &Step{Text: text}} }

// Load reads a script of this package's testdata by its name.
func Load(t testing.TB, name string) Script {
	t.Helper()
	data, err := scripts.ReadFile(path.Join("testdata", name+".yaml"))
	if err != nil {
		t.Fatalf("the script %s: %v", name, err)
	}
	script, err := Parse(data)
	if err != nil {
		t.Fatalf("the script %s: %v", name, err)
	}
	return script
}

// Parse reads a script. Unknown keys are errors.
func Parse(data []byte) (Script, error) {
	var script Script
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&script); err != nil {
		return Script{}, fmt.Errorf("reading a script: %w", err)
	}
	return script, nil
}

func (s *Step) usage() Usage {
	if s.Usage != nil {
		return *s.Usage
	}
	return Usage{Input: 10, Output: (len(s.Text) + 3) / 4}
}
