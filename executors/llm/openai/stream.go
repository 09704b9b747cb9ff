package openai

import (
	"context"
	"errors"
	"io"
	"strings"

	sdk "github.com/sashabaranov/go-openai"

	"github.com/chainwright/chainwright/executors/llm/model"
)

// stream reads a reply piece by piece. It is whole when the model has said
// why it stopped: the library takes a connection that was cut for an end.
func (p *Provider) stream(ctx context.Context, body sdk.ChatCompletionRequest, take func(string), x *model.Exchange) (model.Reply, error) {
	ctx, watch := p.Watch(ctx)
	defer watch.Stop()
	var reply model.Reply
	answer, err := p.client.CreateChatCompletionStream(ctx, body)
	if err != nil {
		return reply, p.failed(ctx, err, x)
	}
	defer answer.Close() // the answer has been read

	var text, reasoning, refusal strings.Builder
	var reason sdk.FinishReason
	gather := func() {
		reply.Text, reply.Reasoning = text.String(), reasoning.String()
	}
	for {
		piece, err := answer.Recv()
		if err != nil {
			gather()
			switch {
			case reason != "" && ctx.Err() == nil:
				return p.finish(reply, reason, refusal.String())
			case errors.Is(err, io.EOF) && ctx.Err() == nil:
				return reply, p.Cut(model.CutStream)
			}
			return reply, p.failed(ctx, err, x)
		}
		if piece.Model != "" {
			reply.Model = piece.Model
		}
		if piece.Usage != nil {
			reply.Usage = usage(piece.Usage)
		}
		if len(piece.Choices) == 0 {
			continue
		}
		choice := piece.Choices[0]
		if choice.FinishReason != "" && choice.FinishReason != sdk.FinishReasonNull {
			reason = choice.FinishReason
		}
		delta := choice.Delta
		if delta.Content+delta.ReasoningContent+delta.Refusal != "" || reason != "" {
			watch.Beat()
		}
		reasoning.WriteString(delta.ReasoningContent)
		refusal.WriteString(delta.Refusal)
		if delta.Content != "" {
			text.WriteString(delta.Content)
			take(delta.Content)
		}
	}
}
