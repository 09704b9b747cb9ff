package llm_test

import (
	"context"
	"testing"
	"time"

	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

// BenchmarkComplete measures one request, including the scripted server, which
// runs in the same process.
func BenchmarkComplete(b *testing.B) {
	reply, err := llm.NewSchema("reply", []byte(ageSchema))
	if err != nil {
		b.Fatal(err)
	}
	server := llmtest.New(b, llmtest.Text(`{"name": "Ada", "age": 36}`)).Quiet()
	client := server.Client(llm.Settings{Model: "m", MaxConcurrent: 64})
	for name, provider := range map[string]string{"openai": llm.OpenAI, "anthropic": llm.Anthropic} {
		b.Run(name, func(b *testing.B) {
			b.SetParallelism(32)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
				defer cancel()
				req := ask("Who is it? " + "It is somebody who wrote the first program of all. ")
				req.Provider, req.Model, req.Schema = provider, "m", reply
				for pb.Next() {
					if _, err := client.Complete(ctx, req); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
