package app_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/parse"
	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/transport/app"
)

// shout is an executor of the program. Its definition is usually a file in the
// same folder, read with executors.MustLoad.
var shout = executors.New(executors.MustParse(`
id: shout
title: Shout
description: Returns a text in capitals.
toolset: own
annotations: {read_only: true, destructive: false, idempotent: true, open_world: false}
timeout: {default: 10, ceiling: 60}
input_schema: {type: object, required: [text], properties: {text: {type: string, description: The text.}}}
output_schema: {type: object, required: [text], properties: {text: {type: string}}}
`), func(_ context.Context, _ *executors.Call, in text) (text, error) {
	return text{strings.ToUpper(in.Text)}, nil
})

type text struct {
	Text string `json:"text"`
}

// unrecorded stores the records of the examples in memory.
var unrecorded = []app.Option{
	app.WithStore("memory"), app.WithPolicy(policy.Config{Audit: policy.Audit{Off: true}}),
}

// A program that a client starts serves its own executor on stdin and stdout.
func Example() {
	ctx := context.Background()
	stdin, requests := io.Pipe() // a real program leaves WithStreams out
	replies, stdout := io.Pipe()
	server, err := app.New(ctx, append(unrecorded, app.WithExecutors(shout), app.WithStreams(stdin, stdout))...)
	if err != nil {
		log.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- server.ServeStdio(ctx) }()

	go func() {
		fmt.Fprintln(requests, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"example","version":"1"}}}`)
		fmt.Fprintln(requests, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"shout","arguments":{"text":"hello"}}}`)
	}()
	lines := bufio.NewScanner(replies)
	for lines.Scan() {
		if _, result, ok := strings.Cut(lines.Text(), `"structuredContent":`); ok {
			fmt.Println(result[:strings.Index(result, `,"run_id"`)])
			break
		}
	}
	_ = requests.Close() // the client ends
	if err := errors.Join(<-served, server.Close(ctx)); err != nil {
		log.Fatal(err)
	}
	// Output: {"status":"completed","result":{"text":"HELLO"}
}

// A program runs a task tree without any client.
func ExampleApp_Runner() {
	ctx := context.Background()
	server, err := app.New(ctx, append(unrecorded, app.WithExecutors(shout))...)
	if err != nil {
		log.Fatal(err)
	}
	tree, report := parse.Parse([]byte(`
tasks:
  - {id: first, schemas: {method: shout}, inputs: {text: hello}}
  - {id: second, schemas: {method: shout}, inputs: {text: "${{ tasks.first.result.text }} again"}}
`), server.Registry(), parse.Options{})
	if !report.Valid() {
		log.Fatal(report.Err())
	}
	run, err := chain.Start(ctx, server.Runner(), tree, chain.RunOptions{})
	if err != nil {
		log.Fatal(err)
	}
	view, err := server.Runner().Wait(ctx, run.ID, "")
	if err != nil {
		log.Fatal(err)
	}
	for _, task := range view.Tasks {
		fmt.Println(task.ID, task.Status, string(task.Result))
	}
	if err := server.Close(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// first completed {"text":"HELLO"}
	// second completed {"text":"HELLO AGAIN"}
}

// The program's own web server serves MCP next to its other pages.
func ExampleApp_Handler() {
	ctx := context.Background()
	server, err := app.New(ctx, append(unrecorded, app.WithHTTP(app.HTTP{Token: "a secret"}))...)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/mcp", server.Handler())
	mux.HandleFunc("/about", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "my program") })
	web := httptest.NewServer(mux)

	page, err := http.Get(web.URL + "/about")
	if err != nil {
		log.Fatal(err)
	}
	_, _ = io.Copy(os.Stdout, page.Body)
	_ = page.Body.Close()
	answer, err := http.Post(web.URL+"/mcp", "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
	if err != nil {
		log.Fatal(err)
	}
	_ = answer.Body.Close()
	fmt.Println(", and MCP without the token:", answer.Status)
	web.Close()
	if err := server.Close(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: my program, and MCP without the token: 401 Unauthorized
}
