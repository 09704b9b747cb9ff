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

// Script contains the server's responses: the steps are used in order, each as
// often as it says and only for the requests that it matches.
type Script struct {
	// Open means that no key is required.
	Open bool `yaml:"open"`
	// Models are the models that the server lists.
	Models []string `yaml:"models"`
	Steps  []Step   `yaml:"steps"`
	// Otherwise is the response if no step matches. Without it, such a request
	// fails the test.
	Otherwise *Step `yaml:"otherwise"`
	// Answer, if set, replaces the steps. It must be safe for concurrent use.
	Answer func(Request) Step `yaml:"-"`
}

// Faults of a step.
const (
	Reset     = "reset"         // the connection is reset in the middle of the body
	Stall     = "stall"         // the body stops in the middle and the connection stays open
	Cut       = "cut"           // the stream ends before the reply is complete
	NoChoices = "empty_choices" // a response without a reply
	Malformed = "malformed"     // a body that is not JSON
	Endless   = "endless"       // a body without end
)

// Step is one response.
type Step struct {
	// When limits the step to requests whose last message contains this text.
	When string `yaml:"when"`
	// Times is how often the step is used; 0: once.
	Times int `yaml:"times"`

	Text     string `yaml:"text"`
	Thinking string `yaml:"thinking"`
	Refusal  string `yaml:"refusal"`
	// Finish is the finish reason: stop (default), length or content_filter, in
	// either protocol's notation.
	Finish string `yaml:"finish"`
	Usage  *Usage `yaml:"usage"`

	// Status other than 200 is an error, with Code and Message in the protocol's
	// format, or with Body unchanged.
	Status     int    `yaml:"status"`
	RetryAfter string `yaml:"retry_after"`
	Code       string `yaml:"code"`
	Message    string `yaml:"message"`
	Body       string `yaml:"body"`

	Fault string        `yaml:"fault"`
	Delay time.Duration `yaml:"delay"`
}

// Usage is the usage that a response reports. The default is 10 input tokens and
// one output token per four characters of text.
type Usage struct {
	Input  int `yaml:"input"`
	Output int `yaml:"output"`
	Cached int `yaml:"cached"`
}

// Text returns a script that always responds with this text.
func Text(text string) Script { return Script{Otherwise: &Step{Text: text}} }

// Load reads a script from this package's testdata.
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

// Parse parses a script. Unknown keys are errors.
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
