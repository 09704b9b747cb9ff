package openai

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/chainwright/chainwright/executors/llm/internal/model"
)

// whole reads a reply that is one JSON object.
func (p *Provider) whole(ctx context.Context, body *request, x *model.Exchange) (model.Reply, error) {
	at, err := p.url(body.Model, "chat/completions")
	if err != nil {
		return model.Reply{}, err
	}
	resp, err := p.open(ctx, x, http.MethodPost, at, body)
	if err != nil {
		return model.Reply{}, err
	}
	defer resp.Body.Close() // an error has no effect: the response has been read
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return model.Reply{}, p.Broken(ctx, err)
	}
	return p.read(ctx, data, x)
}

func (p *Provider) read(ctx context.Context, data []byte, x *model.Exchange) (model.Reply, error) {
	parsed := new(answer)
	broken := json.Unmarshal(data, parsed)
	if broken != nil {
		parsed = nil
	}
	if up, ok := reported(data, parsed); ok {
		return model.Reply{}, p.Refused(up, x)
	}
	if broken != nil {
		return model.Reply{}, p.Broken(ctx, broken)
	}
	reply := model.Reply{Model: parsed.Model, Usage: parsed.Usage.sum()}
	if len(parsed.Choices) == 0 {
		return reply, p.Empty()
	}
	said := &parsed.Choices[0].Message
	reply.Text, reply.Reasoning = said.Content.text, said.reasoning()
	return p.finish(reply, string(parsed.Choices[0].Finish), said.refusal())
}

// stream reads a streamed reply. It is complete when it has a finish reason: the
// end of the stream alone can be a cut connection.
func (p *Provider) stream(ctx context.Context, body *request, take func(string), x *model.Exchange) (model.Reply, error) {
	ctx, watch := p.Watch(ctx)
	defer watch.Stop()
	var reply model.Reply
	at, err := p.url(body.Model, "chat/completions")
	if err != nil {
		return reply, err
	}
	resp, err := p.open(ctx, x, http.MethodPost, at, body)
	if err != nil {
		return reply, err
	}
	defer resp.Body.Close() // an error has no effect: the response has been read
	from := bufio.NewReader(resp.Body)
	if begins, err := firstByte(from); err == nil && (begins == '{' || begins == '[') {
		return p.unstreamed(ctx, from, take, x)
	}

	var text, reasoning, refusal strings.Builder
	var reason string
	list := model.NewEvents(from)
	for {
		data, failed, err := list.Next()
		reply.Text, reply.Reasoning = text.String(), reasoning.String()
		switch {
		case err != nil && reason != "" && ctx.Err() == nil:
			return p.finish(reply, reason, refusal.String())
		case errors.Is(err, io.EOF) && ctx.Err() == nil:
			return reply, p.Cut(model.CutStream)
		case err != nil:
			return reply, p.Broken(ctx, err)
		case failed:
			up, ok := model.ErrorIn(data)
			if !ok {
				up, _ = model.ErrorOf(data)
			}
			return reply, p.Refused(up, x)
		}
		piece := new(answer)
		broken := json.Unmarshal(data, piece)
		if broken != nil {
			piece = nil
		}
		if up, ok := reported(data, piece); ok {
			return reply, p.Refused(up, x)
		}
		if broken != nil && list.Ended() {
			return reply, p.Cut(model.CutStream)
		}
		if broken != nil {
			return reply, p.Broken(ctx, broken)
		}
		if piece.Model != "" {
			reply.Model = piece.Model
		}
		if piece.Usage != nil {
			reply.Usage = piece.Usage.sum()
		}
		if len(piece.Choices) == 0 {
			continue
		}
		choice := piece.Choices[0]
		if choice.Finish != "" && choice.Finish != "null" {
			reason = string(choice.Finish)
		}
		delta := &choice.Delta
		said, thought, declined := delta.Content.text, delta.reasoning(), delta.refusal()
		if said+thought+declined != "" || reason != "" {
			watch.Beat()
		}
		reasoning.WriteString(thought)
		refusal.WriteString(declined)
		if said != "" {
			text.WriteString(said)
			take(said)
		}
	}
}

// unstreamed reads the whole reply of an endpoint that does not stream.
func (p *Provider) unstreamed(ctx context.Context, from io.Reader, take func(string), x *model.Exchange) (model.Reply, error) {
	data, err := io.ReadAll(from)
	switch {
	case err != nil:
		return model.Reply{}, p.Broken(ctx, err)
	case !json.Valid(data):
		return model.Reply{}, p.Cut(model.CutStream)
	}
	reply, err := p.read(ctx, data, x)
	if reply.Text != "" {
		take(reply.Text)
	}
	return reply, err
}

// firstByte returns the first byte that is not white space, and does not take it.
func firstByte(from *bufio.Reader) (byte, error) {
	for {
		next, err := from.Peek(1)
		if err != nil {
			return 0, err
		}
		if len(bytes.TrimSpace(next)) > 0 {
			return next[0], nil
		}
		if _, err := from.Discard(1); err != nil {
			return 0, err
		}
	}
}
