package jsonrpc

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/executortest/peers"
)

// Parsing distinguishes all kinds of messages, and refuses what a later reader
// would read differently.
func TestParse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		raw          string
		request      bool
		notification bool
		method, id   string
		code         int    // error code of the whole text
		problem      string // error of one message
	}{
		"request":            {raw: `{"jsonrpc":"2.0","id":1,"method":"ping"}`, request: true, method: "ping", id: "1"},
		"long id":            {raw: `{"jsonrpc":"2.0","id":9007199254740993,"method":"a"}`, request: true, method: "a", id: "9007199254740993"},
		"text id":            {raw: ` {"jsonrpc" : "2.0" , "id" : "x y" , "method" : "a", "params": {"b":[1,{"c":"}"}]} } `, request: true, method: "a", id: `"x y"`},
		"notification":       {raw: `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}`, notification: true, method: "notifications/cancelled"},
		"escaped method":     {raw: `{"jsonrpc":"2.0","id":1,"meth\u006fd":"pi\u006eg"}`, request: true, method: "ping", id: "1"},
		"response":           {raw: `{"jsonrpc":"2.0","id":1,"result":{}}`, id: "1"},
		"method in caps":     {raw: `{"jsonrpc":"2.0","Method":"notifications/cancelled"}`, problem: `"Method" must be written "method"`},
		"id in caps":         {raw: `{"jsonrpc":"2.0","ID":1,"method":"a"}`, problem: `"ID" must be written "id"`, method: "a"},
		"null id":            {raw: `{"jsonrpc":"2.0","id":null,"method":"a"}`, problem: "id must be a string or a number", method: "a"},
		"object id":          {raw: `{"jsonrpc":"2.0","id":{},"method":"a"}`, problem: "id must be a string or a number", method: "a"},
		"old version":        {raw: `{"jsonrpc":"1.0","id":1,"method":"a"}`, problem: `jsonrpc must be "2.0"`, method: "a", id: "1"},
		"no version":         {raw: `{"id":1,"method":"a"}`, problem: `jsonrpc must be "2.0"`, method: "a", id: "1"},
		"numeric method":     {raw: `{"jsonrpc":"2.0","id":1,"method":7}`, problem: "method must be a string", id: "1"},
		"array params":       {raw: `{"jsonrpc":"2.0","id":1,"method":"a","params":[]}`, problem: "params must be an object", method: "a", id: "1"},
		"key twice":          {raw: `{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}`, code: ParseError},
		"not JSON":           {raw: `{"jsonrpc":`, code: ParseError},
		"nothing":            {raw: ``, code: ParseError},
		"bare value":         {raw: `"x"`, code: InvalidRequest},
		"invalid UTF-8":      {raw: "{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"a\"}", code: ParseError},
		"10,000 levels":      {raw: strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), code: ParseError},
		"empty batch":        {raw: `[]`, code: InvalidRequest},
		"batch of too many":  {raw: `[` + strings.Repeat(`{},`, maxBatch) + `{}]`, code: InvalidRequest},
		"two values":         {raw: `{} {}`, code: ParseError},
		"exponent too large": {raw: `{"jsonrpc":"2.0","id":1e999999,"method":"a"}`, code: ParseError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			messages, batch, err := Parse([]byte(c.raw))
			if c.code != 0 {
				if err == nil || err.Code != c.code {
					t.Fatalf("got error %v, want code %d", err, c.code)
				}
				return
			}
			if err != nil || batch || len(messages) != 1 {
				t.Fatalf("got %d messages, batch %v, error %v", len(messages), batch, err)
			}
			m := messages[0]
			if c.problem != "" {
				if m.Err == nil || !strings.Contains(m.Err.Message, c.problem) {
					t.Errorf("got problem %v, want %q", m.Err, c.problem)
				}
			} else if m.Err != nil {
				t.Errorf("got problem %v", m.Err)
			}
			if m.Method != c.method || string(m.ID) != c.id {
				t.Errorf("got method %q and id %q, want %q and %q", m.Method, m.ID, c.method, c.id)
			}
			if c.problem == "" && (m.IsRequest() != c.request || m.IsNotification() != c.notification) {
				t.Errorf("request %v, notification %v", m.IsRequest(), m.IsNotification())
			}
		})
	}
}

// Each message of a batch is read separately.
func TestParseBatch(t *testing.T) {
	t.Parallel()
	messages, batch, err := Parse([]byte(`[ {"jsonrpc":"2.0","id":1,"method":"a"}, 5 , {"jsonrpc":"2.0","method":"b"}]`))
	if err != nil || !batch || len(messages) != 3 {
		t.Fatalf("got %d messages, batch %v, error %v", len(messages), batch, err)
	}
	if !messages[0].IsRequest() || messages[1].Err == nil || !messages[2].IsNotification() {
		t.Errorf("got %+v", messages)
	}
}

// The reply with an error is valid JSON for any text.
func TestReply(t *testing.T) {
	t.Parallel()
	raw := (&Error{Code: ParseError, Message: "a \"b\"\n\x00 <c>"}).Reply(nil)
	var reply struct {
		ID    any
		Error struct {
			Code    int
			Message string
		}
	}
	if err := json.Unmarshal(raw, &reply); err != nil {
		t.Fatal(err)
	}
	if reply.ID != nil || reply.Error.Code != ParseError || reply.Error.Message != "a \"b\"\n\x00 <c>" {
		t.Errorf("got %s", raw)
	}
}

// With the texts of JSONTestSuite as arguments of a call, invalid ones are
// refused with one error.
func TestSuite(t *testing.T) {
	t.Parallel()
	for _, each := range peers.JSONTexts(t) {
		base, text := each.Name, each.Data
		raw := append(append([]byte(`{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":`), text...), "}}"...)
		messages, _, parseErr := Parse(raw)
		accepted := parseErr == nil && messages[0].Err == nil
		switch {
		case strings.HasPrefix(base, "n_") && accepted:
			t.Errorf("%s was accepted", base)
		case strings.HasPrefix(base, "y_") && !accepted && !duplicate(base):
			t.Errorf("%s was refused: %v", base, parseErr)
		}
	}
}

// duplicate names the suite's texts with a duplicate key: valid JSON, but
// refused here, because readers differ about which value counts.
func duplicate(name string) bool { return strings.Contains(name, "duplicated_key") }

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"b":"\u00e9\"}"}}}`,
		`[{"jsonrpc":"2.0","method":"a"},{}]`, `{"a":[[],{}],"b":"\\"}`, `[1,2`, ` `,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		messages, _, err := Parse(raw)
		if err != nil {
			if !json.Valid(err.Reply(nil)) {
				t.Fatalf("the reply is not JSON: %s", err.Reply(nil))
			}
			return
		}
		for _, m := range messages {
			if !json.Valid(m.Raw) {
				t.Fatalf("a message is not JSON: %q", m.Raw)
			}
			if m.Err != nil {
				if !json.Valid(m.Err.Reply(m.ID)) {
					t.Fatalf("the reply is not JSON: %s", m.Err.Reply(m.ID))
				}
				continue
			}
			// The library's reader returns the same value.
			var known struct {
				Method string          `json:"method"`
				ID     json.RawMessage `json:"id"`
			}
			if json.Unmarshal(m.Raw, &known) != nil || known.Method != m.Method || string(known.ID) != string(m.ID) {
				t.Fatalf("read %q and %q, the library %q and %q", m.Method, m.ID, known.Method, known.ID)
			}
		}
	})
}
