package llm

import (
	"context"
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/model"
)

// send asks once, within all limits, and counts what it took.
func (c *Client) send(ctx context.Context, e *endpoint, meter *Meter, req model.Request) (Reply, error) {
	price, priced := c.settings.price(req.Model)
	priced = priced || e.name == Ollama // which runs on the operator's own machine
	if err := meter.allow(req.Model, priced); err != nil {
		return Reply{}, err
	}
	estimate := tokensOf(req.Messages)
	if err := c.room(ctx, e, estimate); err != nil {
		return Reply{}, err
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return Reply{}, model.Broken(ctx, e.provider.Name(), ctx.Err())
	}
	if err := meter.allow(req.Model, priced); err != nil { // others spent meanwhile
		return Reply{}, err
	}
	if err := e.await(ctx); err != nil {
		return Reply{}, err
	}
	if err := e.enter(); err != nil {
		return Reply{}, err
	}
	limited, cancel := context.WithTimeout(ctx, c.settings.Timeout)
	defer cancel()
	reply, err := e.provider.Complete(limited, req)
	failed := executors.AsError(err)
	e.leave(ctx, failed)
	reply.Provider = e.name
	if reply.Usage.Tokens() == 0 && (err == nil || reply.Text != "") { // not every endpoint counts
		reply.Usage.InputTokens, reply.Usage.OutputTokens = estimate, tokens(reply.Text+reply.Reasoning)
	}
	if priced {
		reply.Usage.CostUSD = price.of(reply.Usage)
	}
	meter.Add(reply.Usage)
	c.total.Add(reply.Usage)
	if over := reply.Usage.Tokens() - estimate; over > 0 && c.tokens != nil {
		c.tokens.ReserveN(time.Now(), min(over, c.tokens.Burst())) // the next ones wait for it
	}
	if failed != nil {
		return reply, failed
	}
	return reply, nil
}

// room waits for the limits of requests and tokens a minute.
func (c *Client) room(ctx context.Context, e *endpoint, tokens int) *executors.Error {
	for _, each := range []struct {
		limiter *rate.Limiter
		n       int
		what    string
	}{{c.requests, 1, "requests_per_minute"}, {c.tokens, tokens, "tokens_per_minute"}} {
		if each.limiter == nil {
			continue
		}
		err := each.limiter.WaitN(ctx, min(each.n, each.limiter.Burst()))
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return model.Broken(ctx, e.provider.Name(), ctx.Err())
		default:
			return executors.Errorf(executors.TimeoutError, "the limit llm.%s leaves no room within the time that the call has", each.what).
				Retry(time.Duration(math.Ceil(float64(each.n) / float64(each.limiter.Limit()) * float64(time.Second))))
		}
	}
	return nil
}

// tokens is about how many tokens a text is.
func tokens(text string) int { return (len(text) + 3) / 4 }

func tokensOf(messages []Message) int {
	sum := 3
	for _, m := range messages {
		sum += tokens(m.Content) + 4
	}
	return sum
}
