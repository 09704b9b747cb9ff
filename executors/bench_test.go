package executors_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

type echoInput struct {
	URL     string            `json:"url"`
	Method  string            `json:"method"`
	Headers map[string]string `json:"headers"`
	Timeout time.Duration     `json:"timeout"`
	Retries int               `json:"retries"`
	Verify  bool              `json:"verify"`
	JSON    any               `json:"json"`
}

type echoOutput struct {
	Success bool   `json:"success"`
	URL     string `json:"url"`
	JSON    any    `json:"json,omitempty"`
}

const echoDefinition = `
id: echo
title: Echo
description: Gives back what it is given.
toolset: tests
annotations: {read_only: false, destructive: false, idempotent: false, open_world: true}
effects: [{when: {method: [GET, HEAD]}, read_only: true, idempotent: true}]
timeout: {default: 30, ceiling: 5m}
destination: url
input_schema:
  type: object
  additionalProperties: false
  required: [url]
  properties:
    url: {type: string, minLength: 1, maxLength: 8192}
    method: {type: string, enum: [GET, HEAD, POST, PUT], default: GET}
    headers: {type: object, additionalProperties: {type: string}}
    timeout: {type: number, exclusiveMinimum: 0, maximum: 300, default: 30}
    retries: {type: integer, minimum: 0, default: 3}
    verify: {type: boolean, default: true}
    json: {}
output_schema:
  type: object
  properties:
    success: {type: boolean}
    url: {type: string}
    json: {}
`

func echo(_ context.Context, _ *executors.Call, in echoInput) (echoOutput, error) {
	return echoOutput{Success: true, URL: in.URL, JSON: in.JSON}, nil
}

func benchRegistry(b *testing.B) *executors.Registry {
	b.Helper()
	def, err := executors.ParseDefinition("echo.yaml", []byte(echoDefinition))
	if err != nil {
		b.Fatal(err)
	}
	pol, err := policy.New(policy.Config{})
	if err != nil {
		b.Fatal(err)
	}
	registry, err := executors.NewRegistry(pol, zerolog.Nop(), executors.New(def, echo))
	if err != nil {
		b.Fatal(err)
	}
	return registry
}

var echoArguments = json.RawMessage(`{"url":"http://example.com/a/b?c=d","method":"GET","headers":{"Accept":"application/json"},"json":{"items":[1,2,3,{"a":"b"}],"name":"some text"}}`)

// BenchmarkCall measures what this package adds to a tool call.
func BenchmarkCall(b *testing.B) {
	registry := benchRegistry(b)
	b.ReportAllocs()
	for b.Loop() {
		inputs, err := registry.ResolveInputs("echo", echoArguments)
		if err != nil {
			b.Fatal(err)
		}
		out := registry.Invoke(context.Background(), "echo", &executors.Call{Inputs: inputs}, 0)
		if out.Err != nil {
			b.Fatal(out.Err)
		}
	}
}

func BenchmarkResolveInputs(b *testing.B) {
	registry := benchRegistry(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := registry.ResolveInputs("echo", echoArguments); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInvoke(b *testing.B) {
	registry := benchRegistry(b)
	inputs, err := registry.ResolveInputs("echo", echoArguments)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if out := registry.Invoke(context.Background(), "echo", &executors.Call{Inputs: inputs}, 0); out.Err != nil {
			b.Fatal(out.Err)
		}
	}
}
