package stdio_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/tools/toolstest"
	"github.com/chainwright/chainwright/transport/internal/stdio"
	"github.com/chainwright/chainwright/transport/mcp"
)

// child, when set, makes this test program the server.
const child = "CHAINWRIGHT_TEST_STDIO"

func TestMain(m *testing.M) {
	if grace := os.Getenv(child); grace != "" {
		if err := serve(grace); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func serve(grace string) error {
	wait, err := time.ParseDuration(grace)
	if err != nil {
		return err
	}
	stack, err := toolstest.New(toolstest.WithGrace(wait))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err = stdio.Serve(ctx, mcp.New(stack.Set, mcp.Options{}), os.Stdin, os.Stdout, stdio.Options{
		Log: zerolog.New(os.Stderr).Level(zerolog.WarnLevel), Settle: wait, Drain: stack.Runner.Close,
	})
	fmt.Fprintf(os.Stderr, "running %d\n", stack.Running.Load())
	return err
}

// message is a line that the server wrote.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int
		Message string
	} `json:"error"`
	Params struct {
		Token    json.RawMessage `json:"progressToken"`
		Progress float64         `json:"progress"`
		Message  string          `json:"message"`
	} `json:"params"`

	raw string
}

func (m message) envelope(t *testing.T) (e struct {
	Status    string
	ErrorType string `json:"error_type"`
	RunID     string `json:"run_id"`
	Result    json.RawMessage
}) {
	t.Helper()
	var result struct {
		Structured json.RawMessage `json:"structuredContent"`
		Content    []struct{ Text string }
	}
	if err := json.Unmarshal(m.Result, &result); err != nil || len(result.Content) != 1 {
		t.Fatalf("not a tool's result: %s", m.raw)
	}
	if result.Content[0].Text != string(result.Structured) {
		t.Errorf("the text is %s, and the structured content %s", result.Content[0].Text, result.Structured)
	}
	if err := json.Unmarshal(result.Structured, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// client is the client's end of the streams.
type client struct {
	t    *testing.T
	in   io.WriteCloser
	cmd  *exec.Cmd
	errs *bytes.Buffer
	all  chan message // closed at the end of the output
	end  func()       // ends the input and waits for the server
	mu   sync.Mutex
}

// start starts a server in a child process.
func start(t *testing.T, grace string) *client {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, cmd: exec.Command(program), errs: new(bytes.Buffer), all: make(chan message, 100_000)}
	c.cmd.Env = append(os.Environ(), child+"="+grace)
	c.cmd.Stderr = c.errs
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.receive(out)
	}()
	c.end = sync.OnceFunc(func() {
		c.in.Close()
		<-done
		if err := c.cmd.Wait(); err != nil {
			t.Errorf("the server: %v\n%s", err, c.errs)
		}
	})
	t.Cleanup(c.end)
	return c
}

// receive reads the server's output until it ends.
func (c *client) receive(out io.Reader) {
	defer close(c.all)
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			if line != "" {
				c.t.Errorf("the last line has no end: %q", line)
			}
			return
		}
		m := message{raw: line}
		if err := json.Unmarshal([]byte(line), &m); err != nil && line[0] != '[' {
			c.t.Errorf("not JSON: %q", line)
		}
		c.all <- m
	}
}

func (c *client) send(format string, args ...any) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := fmt.Fprintf(c.in, format+"\n", args...); err != nil {
		c.t.Error(err)
	}
}

func (c *client) initialize(version string) {
	c.t.Helper()
	c.send(`{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":%q,"capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`, version)
	c.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	if m := c.reply(`"init"`); m.Error != nil {
		c.t.Fatalf("initialize: %s", m.raw)
	}
}

func (c *client) next() message {
	c.t.Helper()
	select {
	case m, ok := <-c.all:
		if !ok {
			c.t.Fatal("the output has ended")
		}
		return m
	case <-time.After(executortest.Patience):
		c.t.Fatalf("nothing came for %s", executortest.Patience)
		return message{}
	}
}

// reply waits for the reply to a request; messages before it are dropped.
func (c *client) reply(id string) message {
	c.t.Helper()
	for {
		if m := c.next(); m.Method == "" && string(m.ID) == id {
			return m
		}
	}
}

func call(id, tool, arguments, meta string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":%s%s}}`, id, tool, arguments, meta)
}

func token(token string) string { return `,"_meta":{"progressToken":` + token + `}` }
