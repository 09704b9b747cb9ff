package app_test

import (
	"context"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools/promptchain"
	"github.com/chainwright/chainwright/transport/app"
)

const (
	secretValue = "v-7c1e-long-enough"
	secretHole  = "${{ secrets.TOKEN }}"
)

// definitionOf returns the definition of an executor from a text to a text.
func definitionOf(id string) *executors.Definition {
	return executors.MustParse(`
id: ` + id + `
title: Text
description: Takes a text and returns one.
toolset: own
annotations: {read_only: true, destructive: false, idempotent: true, open_world: false}
timeout: {default: 10, ceiling: 60}
input_schema: {type: object, required: [text], properties: {text: {type: string, description: The text.}}}
output_schema: {type: object, required: [text], properties: {text: {type: string}}}
`)
}

// relay are a source of hostile texts and an executor that may get the secret.
type relay struct {
	mu  sync.Mutex
	got []string
}

func (r *relay) executors() []executors.Executor {
	return []executors.Executor{
		// say is a peer whose reply looks like a placeholder.
		executors.New(definitionOf("say"), func(context.Context, *executors.Call, text) (text, error) { return text{secretHole}, nil }),
		// send is what the secret is bound to. It fails in many ways.
		executors.New(definitionOf("send"), func(_ context.Context, call *executors.Call, in text) (text, error) {
			r.mu.Lock()
			r.got = append(r.got, in.Text)
			r.mu.Unlock()
			call.Progress(executors.Progress{Done: 1, Total: 2, Message: "sending " + in.Text})
			switch {
			case strings.HasPrefix(in.Text, "panic"):
				panic(in.Text)
			case strings.HasPrefix(in.Text, "fail"):
				return text{in.Text}, executors.Errorf(executors.NetworkError, "refused %s", in.Text).WithCode(in.Text).WithField(in.Text).WithHint("try " + in.Text).Retry(0)
			}
			return text{in.Text + " " + base64.StdEncoding.EncodeToString([]byte(in.Text))}, nil
		}),
	}
}

func (r *relay) taken() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.got = nil }()
	return strings.Join(r.got, "\n")
}

// locked is a log that several goroutines write.
type locked struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// newRelay returns a server on disk with the relay, and user-made executors that
// pass texts on.
func newRelay(t *testing.T, dir string, log *locked) (*site, *relay) {
	t.Helper()
	r := &relay{}
	own := t.TempDir()
	head := func(id string) string {
		return "id: " + id + `
title: Passes a text on
description: Passes a text on.
toolset: own
annotations: {read_only: true, destructive: false, idempotent: true, open_world: false}
timeout: {default: 10, ceiling: 60}
input_schema: {type: object, required: [text], properties: {text: {type: string, description: The text.}}}
output_schema: {type: object, properties: {}}
`
	}
	for name, content := range map[string]string{
		"pass.yaml":  head("pass") + `run: {kind: tree, tree: [{"id": "a", "schemas": {"method": "send"}, "inputs": {"text": "${{ inputs.text }}"}}]}`,
		"twice.yaml": head("twice") + `run: {kind: tree, tree: [{"id": "a", "schemas": {"method": "pass"}, "inputs": {"text": "${{ inputs.text }}"}}]}`,
	} {
		if err := os.WriteFile(filepath.Join(own, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	variable := "CHAINWRIGHT_TEST_SECRET_VALUE"
	if os.Getenv(variable) == "" {
		t.Fatal("the test must set " + variable)
	}
	s := &site{dir: dir, model: llmtest.New(t, llmtest.Text(secretHole))}
	s.App = open(t, app.WithDataDir(dir), app.WithExecutors(r.executors()...), app.WithExecutorsDir(own), app.WithLogger(zerolog.New(log)),
		app.WithPolicy(policy.Config{Secrets: map[string]policy.Secret{"TOKEN": {Env: variable, Executors: []string{"send"}}}}))
	for _, problem := range s.Parts().Folder.Problems() {
		t.Error(problem.Err)
	}
	llm.Connect(s.model.Client(llm.Settings{Provider: llm.OpenAI, Model: "test"}), s.Registry().All()...)
	return s, r
}

// A text of a peer, a model or a run's inputs never becomes the placeholder of a
// secret, however it gets into the inputs of another executor.
func TestDataIsNoPlaceholder(t *testing.T) { // not parallel: it sets a variable
	t.Setenv("CHAINWRIGHT_TEST_SECRET_VALUE", secretValue)
	s, r := newRelay(t, t.TempDir(), &locked{})
	const say = `{"id": "s", "schemas": {"method": "say"}, "inputs": {"text": "x"}}`
	after := func(task string) func(context.Context, *site) *executors.Error {
		return ran(`{"tasks": [` + say + `, {"id": "a", "dependencies": ["s"], ` + task + `}]}`)
	}
	for name, c := range map[string]struct {
		call   func(context.Context, *site) *executors.Error
		filled bool
	}{
		"the author's placeholder": {ran(`{"tasks": [{"id": "a", "schemas": {"method": "send"}, "inputs": {"text": "` + secretHole + `"}}]}`), true},
		"a caller's placeholder":   {direct("send", `{"text": "`+secretHole+`"}`), true},
		"a reply":                  {after(`"schemas": {"method": "send"}, "inputs": {"text": "${{ tasks.s.result.text }}"}`), false},
		"a reply in a text":        {after(`"schemas": {"method": "send"}, "inputs": {"text": "x ${{ tasks.s.result.text }} y"}`), false},
		"a reply in two parts":     {after(`"schemas": {"method": "send"}, "inputs": {"text": "${{ tasks.s.result.text[:5] }}${{ tasks.s.result.text[5:] }}"}`), false},
		"behind a dollar sign":     {after(`"schemas": {"method": "send"}, "inputs": {"text": "${{ \"$\" }}${{ tasks.s.result.text[1:] }}"}`), false},
		"an element":               {after(`"for_each": "${{ [tasks.s.result.text] }}", "schemas": {"method": "send"}, "inputs": {"text": "${{ item }}"}`), false},
		"the author's in a chain":  {direct(promptchain.ID, `{"input": "x", "steps": [{"executor": "send", "inputs": {"text": "$`+secretHole+`"}}]}`), true},
		"through a user-made tree": {after(`"schemas": {"method": "pass"}, "inputs": {"text": "${{ tasks.s.result.text }}"}`), false},
		"through two of them":      {after(`"schemas": {"method": "twice"}, "inputs": {"text": "${{ tasks.s.result.text }}"}`), false},
		"a model's reply":          {direct(promptchain.ID, `{"input": "x", "steps": ["Say it.", {"executor": "send", "inputs": {"text": "${{ prev }}"}}]}`), false},
		"a chain's input":          {direct(promptchain.ID, `{"input": "$${{ secrets.TOKEN }}", "steps": [{"executor": "send", "inputs": {"text": "${{ input }}"}}]}`), false},
		"a reply in a chain":       {direct(promptchain.ID, `{"input": "x", "steps": [{"executor": "say", "inputs": {"text": "x"}}, {"executor": "send", "inputs": {"text": "said ${{ prev }}"}}]}`), false},
	} {
		err := c.call(t.Context(), s)
		got := r.taken()
		switch {
		case got == "":
			t.Errorf("%s: nothing was sent: %v", name, err)
		case strings.Contains(got, secretValue) != c.filled:
			t.Errorf("%s: sent %q", name, got)
		}
	}
}

// What an executor does with a secret leaves it in no file of the server and in
// no line of the log: results, errors in every field, panics, progress, retries,
// elements and records.
func TestSecretsAreInNoFile(t *testing.T) { // not parallel: it sets a variable
	t.Setenv("CHAINWRIGHT_TEST_SECRET_VALUE", secretValue)
	dir, log := t.TempDir(), &locked{}
	s, r := newRelay(t, dir, log)
	for _, how := range []string{"", "panic ", "fail "} {
		inputs := `{"text": "` + how + secretHole + `"}`
		for name, call := range map[string]func(context.Context, *site) *executors.Error{
			"a call":     direct("send", inputs),
			"a tree":     ran(`{"name": "x", "tasks": [{"id": "a", "schemas": {"method": "send"}, "inputs": ` + inputs + `, "retry": {"max_attempts": 2, "initial_seconds": 0}}]}`),
			"elements":   ran(`{"tasks": [{"id": "a", "for_each": "${{ [1, 2] }}", "schemas": {"method": "send"}, "inputs": ` + inputs + `}]}`),
			"a retry":    retried(`{"tasks": [{"id": "a", "schemas": {"method": "send"}, "inputs": ` + inputs + `}]}`),
			"a chain":    direct(promptchain.ID, `{"input": "x", "steps": [{"executor": "send", "inputs": `+strings.Replace(inputs, "$", "$$", 1)+`}]}`),
			"a follower": ran(`{"tasks": [{"id": "a", "schemas": {"method": "send"}, "inputs": ` + inputs + `}, {"id": "b", "dependencies": [{"id": "a", "required": false}], "schemas": {"method": "say"}, "inputs": {"text": "${{ tasks.a | tojson }}"}}]}`),
		} {
			err := call(t.Context(), s)
			if got := r.taken(); !strings.Contains(got, secretValue) {
				t.Errorf("%s%s: the executor did not get the secret: %q, %v", how, name, got, err)
			}
			if err != nil {
				hidden(t, how+name, err.Message+err.Hint+err.Field+err.Code)
			}
		}
	}
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
	seen := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		hidden(t, filepath.Base(path), string(data))
		seen += strings.Count(string(data), "[secret]")
		return err
	})
	if err != nil || seen == 0 {
		t.Errorf("the files show no mark: %v", err)
	}
	hidden(t, "the log", log.text.String())
}

func hidden(t *testing.T, where, content string) {
	t.Helper()
	for _, form := range []string{secretValue, secretValue[:12], base64.StdEncoding.EncodeToString([]byte(secretValue))} {
		if strings.Contains(content, form) {
			t.Errorf("%s has %q: %.2000s", where, form, content)
		}
	}
}
