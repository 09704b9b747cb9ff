package llm

import (
	"context"
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/internal/model"
)

// send sends one request within all limits and counts its usage.
func (c *Client) send(ctx context.Context, e *endpoint, meter *Meter, req model.Request) (Reply, error) {
	price, priced := c.settings.price(req.Model)
	priced = priced || e.name == Ollama // runs on the operator's machine
	asked := sending{model: req.Model, priced: priced, keyed: e.keyed}
	if err := meter.allow(asked); err != nil {
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
	if err := meter.allow(asked); err != nil { // other requests may have spent it while this one waited
		return Reply{}, err
	}
	if err := e.await(ctx); err != nil {
		return Reply{}, err
	}
	done, refused := e.enter()
	if refused != nil {
		return Reply{}, refused
	}
	limited, cancel := context.WithTimeout(ctx, c.settings.Timeout)
	defer cancel()
	limited, measured := begin(limited, e.name, req.Model)
	reply, err := e.provider.Complete(limited, req)
	failed := executors.AsError(err)
	e.leave(ctx, done, failed)
	reply.Provider = e.name
	if reply.Usage.Tokens() == 0 && (err == nil || reply.Text != "") { // not every endpoint reports usage
		reply.Usage.InputTokens, reply.Usage.OutputTokens = estimate, tokens(reply.Text+reply.Reasoning)
	}
	if priced {
		reply.Usage.CostUSD = price.of(reply.Usage)
	}
	measured.end(&reply, failed)
	meter.Add(reply.Usage)
	c.total.Add(reply.Usage)
	if over := reply.Usage.Tokens() - estimate; over > 0 && c.tokens != nil {
		c.tokens.ReserveN(time.Now(), min(over, c.tokens.Burst())) // later requests wait for the difference
	}
	if failed != nil {
		return reply, failed
	}
	return reply, nil
}

// room waits for the rate limits of requests and tokens per minute.
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
			return executors.Errorf(executors.TimeoutError, "the rate limit llm.%s does not allow a request within the call's timeout", each.what).
				Retry(time.Duration(math.Ceil(float64(each.n) / float64(each.limiter.Limit()) * float64(time.Second))))
		}
	}
	return nil
}

// tokens estimates the number of tokens of a text.
func tokens(text string) int { return (len(text) + 3) / 4 }

func tokensOf(messages []Message) int {
	sum := 3
	for _, m := range messages {
		sum += tokens(m.Content) + 4
	}
	return sum
}
