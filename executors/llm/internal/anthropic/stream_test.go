package anthropic

import (
	"bufio"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/llm/internal/model"
)

const (
	start = `{"type": "message_start", "message": {"model": "m-1", "content": [], "stop_reason": null, "usage": {"input_tokens": 7, "cache_read_input_tokens": 2, "output_tokens": 1}}}`
	begin = `{"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}`
	piece = `{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hel"}}`
	rest  = `{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}}`
	stop  = `{"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}`
)

func TestStream(t *testing.T) {
	for name, test := range map[string]struct {
		events []string
		text   string
		think  string
		usage  usage
		code   string // of the error
	}{
		"as documented":     {[]string{start, begin, piece, rest, stop, `{"type": "message_stop"}`}, "hello", "", usage{Input: 7, Cached: 2, Output: 5}, ""},
		"no usage at all":   {[]string{`{"type": "message_start", "message": {}}`, begin, piece, `{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}`}, "hel", "", usage{}, ""},
		"all usage at last": {[]string{start, begin, piece, `{"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"input_tokens": 9, "cache_read_input_tokens": null, "output_tokens": 3}}`}, "hel", "", usage{Input: 9, Cached: 2, Output: 3}, ""},
		"text in the start of a block": {[]string{start, `{"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "oh "}}`, piece, stop}, "oh hel", "",
			usage{Input: 7, Cached: 2, Output: 5}, ""},
		"blocks that take turns": {[]string{start, `{"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}}`,
			`{"type": "content_block_start", "index": 1, "content_block": {"type": "text"}}`, `{"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "a"}}`,
			`{"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "x"}}`, `{"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}}`,
			`{"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "b"}}`, `{"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "y"}}`, stop},
			"ab", "xy", usage{Input: 7, Cached: 2, Output: 5}, ""},
		"an index that is no number": {[]string{start, `{"type": "ping"}`, `{"type": "new", "index": "x1"}`, begin, piece, stop}, "", "", usage{Input: 7, Cached: 2, Output: 1}, "invalid JSON"},
		"an unknown event":           {[]string{start, `{"type": "ping"}`, `{"type": "new"}`, begin, piece, stop}, "hel", "", usage{Input: 7, Cached: 2, Output: 5}, ""},
		"a whole reply": {[]string{`{"type": "message", "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn", "usage": {"output_tokens": 2}}`}, "hi", "",
			usage{Output: 2}, ""},
		"an error after a piece": {[]string{start, begin, piece, `{"type": "error", "error": {"type": "overloaded_error", "message": "too busy"}}`}, "hel", "", usage{Input: 7, Cached: 2, Output: 1}, "too busy"},
		"no stop reason":         {[]string{start, begin, piece}, "hel", "", usage{Input: 7, Cached: 2, Output: 1}, "ended before"},
		"half an event":          {[]string{start, begin, piece, `{"type": "content_bl`}, "hel", "", usage{Input: 7, Cached: 2, Output: 1}, "ended before"},
		"a piece of no block":    {[]string{start, piece}, "", "", usage{Input: 7, Cached: 2, Output: 1}, "not begun"},
		"a piece of block -1":    {[]string{start, begin, `{"type": "content_block_delta", "index": -1, "delta": {"type": "text_delta", "text": "x"}}`}, "", "", usage{Input: 7, Cached: 2, Output: 1}, "not begun"},
		"a block that leaves a gap": {[]string{start, `{"type": "content_block_start", "index": 1, "content_block": {"type": "text"}}`}, "", "", usage{Input: 7, Cached: 2, Output: 1},
			"expected block 0"},
		"nothing": {nil, "", "", usage{}, "ended before"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := New(model.ServerOptions{Key: "a key of a test"})
			if err != nil {
				t.Fatal(err)
			}
			var stream, taken strings.Builder
			for _, data := range test.events {
				var e struct{ Type string }
				_ = json.Unmarshal([]byte(data), &e) // half an event has no name
				stream.WriteString("event: " + e.Type + "\ndata: " + data + "\n\n")
			}
			ctx, watch := model.NewWatch(t.Context(), time.Hour, time.Hour)
			defer watch.Stop()
			g := new(growing)
			err = p.stream(ctx, g, model.NewEvents(bufio.NewReader(strings.NewReader(strings.TrimSpace(stream.String())))), watch, func(s string) { taken.WriteString(s) }, new(model.Exchange))
			reply := p.reply(model.Request{Model: "m"}, g.whole())
			got := []any{reply.Text, reply.Reasoning, g.Usage}
			if diff := cmp.Diff([]any{test.text, test.think, test.usage}, got); diff != "" {
				t.Error(diff)
			}
			var typed *executors.Error
			switch {
			case test.code == "" && err != nil, test.code != "" && (!errors.As(err, &typed) || !strings.Contains(err.Error(), test.code)):
				t.Errorf("error %v, want %q", err, test.code)
			}
			if err == nil && taken.String() != strings.TrimPrefix(reply.Text, "oh ") {
				t.Errorf("taken %q of %q", taken.String(), reply.Text)
			}
		})
	}
}
