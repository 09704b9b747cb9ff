package anthropic

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/chainwright/chainwright/executors/llm/internal/model"
)

// send sends a request and reads the reply. With an error it returns what it has
// read. take is nil if the reply is not streamed.
func (p *Provider) send(ctx context.Context, body *request, take func(string), x *model.Exchange) (*message, error) {
	header := http.Header{"Anthropic-Version": {version}}
	if p.Key != "" {
		header.Set("X-Api-Key", p.Key)
	}
	var watch *model.Watch
	if take != nil {
		ctx, watch = p.Watch(ctx)
		defer watch.Stop()
	}
	resp, err := p.Open(ctx, x, http.MethodPost, p.BaseURL+"/v1/messages", header, body)
	if err != nil {
		return new(message), err
	}
	defer resp.Body.Close() // an error has no effect: the response has been read
	if take != nil {
		g := new(growing)
		err := p.stream(ctx, g, model.NewEvents(bufio.NewReader(resp.Body)), watch, take, x)
		return g.whole(), err
	}
	m := new(message)
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return m, p.Broken(ctx, err)
	}
	if up, ok := model.ErrorIn(data); ok {
		return m, p.Refused(up, x)
	}
	if err := json.Unmarshal(data, m); err != nil {
		return m, p.Broken(ctx, err)
	}
	if up, ok := model.MessageIn(data); ok && len(m.Content) == 0 {
		return m, p.Refused(up, x)
	}
	return m, nil
}

// stream reads a streamed reply. It is complete when it has a stop reason: the end
// of the stream alone can be a cut connection.
func (p *Provider) stream(ctx context.Context, g *growing, events *model.Events, watch *model.Watch, take func(string), x *model.Exchange) error {
	for {
		data, failed, err := events.Next()
		switch {
		case err != nil && g.StopReason != "" && ctx.Err() == nil:
			return nil
		case errors.Is(err, io.EOF) && ctx.Err() == nil:
			return p.Cut(model.CutStream)
		case err != nil:
			return p.Broken(ctx, err)
		}
		e := new(event)
		broken := json.Unmarshal(data, e)
		if up, ok := reported(data, e, failed); ok {
			return p.Refused(up, x)
		}
		if broken != nil && events.Ended() {
			return p.Cut(model.CutStream)
		}
		if broken != nil {
			return p.Broken(ctx, broken)
		}
		if err := g.add(e, data); err != nil {
			return p.Senseless(err)
		}
		if e.Type == "content_block_delta" || e.Type == "message_delta" {
			watch.Beat()
		}
		switch {
		case e.Type == "content_block_delta" && e.Delta.Text != "":
			take(e.Delta.Text)
		case e.Type == "message":
			for _, b := range g.Content {
				take(b.Text)
			}
		}
	}
}

// reported returns the error that an event reports.
func reported(data []byte, e *event, failed bool) (model.Upstream, bool) {
	if !failed && e.Type != "error" && len(e.Error) == 0 {
		return model.Upstream{}, false
	}
	if up, ok := model.ErrorIn(data); ok || !failed {
		return up, ok
	}
	return model.ErrorOf(data)
}

// add adds an event to the reply. Events of unknown types are ignored.
func (g *growing) add(e *event, data []byte) error {
	switch e.Type {
	case "message": // the whole reply of an endpoint that does not stream
		*g = growing{}
		if err := json.Unmarshal(data, &g.message); err != nil {
			return err
		}
		g.begin(len(g.Content))
	case "message_start":
		*g = growing{message: e.Message}
		g.begin(len(g.Content))
	case "message_delta":
		g.StopReason, g.StopDetails = e.Delta.StopReason, e.Delta.StopDetails
		if len(e.Usage) > 0 {
			return json.Unmarshal(e.Usage, &g.Usage)
		}
	case "content_block_start":
		if e.Index != len(g.Content) {
			return fmt.Errorf("block %d begins, expected block %d", e.Index, len(g.Content))
		}
		g.Content = append(g.Content, e.Block)
		g.begin(len(g.Content))
	case "content_block_delta":
		if e.Index < 0 || e.Index >= len(g.Content) {
			return fmt.Errorf("a piece of block %d, which has not begun", e.Index)
		}
		g.texts[e.Index].text.WriteString(e.Delta.Text)
		g.texts[e.Index].thinking.WriteString(e.Delta.Thinking)
	}
	return nil
}

// begin makes room for the texts of n blocks.
func (g *growing) begin(n int) {
	for len(g.texts) < n {
		g.texts = append(g.texts, new(texts))
	}
}
