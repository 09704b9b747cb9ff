package external

import "github.com/chainwright/chainwright/executors"

// Exported for the fuzz tests.
var (
	ReadAnswer   = readAnswer
	ReadProgress = readProgress
)

// FillAddress fills a URL template with one input.
func FillAddress(def *executors.Definition, template, value string) (filled string, parsed bool, err error) {
	a, err := parseAddress(def, template)
	if err != nil || a.check() != nil {
		return "", false, err
	}
	filled, err = a.fill(&filler{
		inputs: map[string]any{"name": value}, secret: func(string) (string, error) { return "s", nil },
	})
	return filled, true, err
}

// ReadWith reads the names in the folder with a function of the test.
func (o *Options) ReadWith(list func(dir string) ([]string, error)) { o.list = list }

// ListFolder is how the folder is read.
var ListFolder = list
