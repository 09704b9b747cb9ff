package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/llm/llmtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"chainwright":       func() { Main() },
		"chainwright-deaf":  func() { Main(WithExecutors(deaf)) },
		"chainwright-stuck": func() { Main(WithExecutors(stuck{deaf})) },
	})
}

// TestScripts runs testdata/script: each file is a session at the command line.
// The program runs as a child process with its own home folder.
func TestScripts(t *testing.T) {
	t.Parallel()
	model := llmtest.New(t, llmtest.Load(t, "commandline"))
	repository, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			p := newPeer()
			env.Defer(p.close)
			env.Values[peerKey{}] = p
			home := filepath.Join(env.WorkDir, "home")
			if err := os.Mkdir(home, 0o700); err != nil {
				return err
			}
			env.Setenv("GORACE", "atexit_sleep_ms=10") // the default delays each process by a second
			env.Setenv("HOME", home)
			env.Setenv("USERPROFILE", home)
			env.Setenv("APPDATA", filepath.Join(home, "config"))
			env.Setenv("LOCALAPPDATA", filepath.Join(home, "data"))
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "config"))
			env.Setenv("XDG_DATA_HOME", filepath.Join(home, "data"))
			env.Setenv("MODEL", model.URL+"/v1")
			env.Setenv("ROOT", repository)
			env.Setenv("CHAINWRIGHT_LLM_PROVIDER", "none") // ignore the models of this machine
			env.Setenv("PEER", strings.TrimPrefix(p.URL, "http://"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"appears": appears, "arrived": arrived, "asked": asked, "block": block, "exits": exits, "fill": fill, "grab": grab, "header": header, "start": start,
			"pane": pane, "seen": seen, "keys": keys,
		},
	})
}

type peerKey struct{}

// peer is the server that the trees of the scripts call.
type peer struct {
	*httptest.Server
	waiting chan struct{} // one for each request to /slow
	left    chan struct{} // one for each request whose caller disconnected
	done    chan struct{}
}

func newPeer() *peer {
	p := &peer{waiting: make(chan struct{}, 100), left: make(chan struct{}, 100), done: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("/items", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"items": [{"price": 2}, {"price": 5}]}`)
	})
	mux.HandleFunc("/fail", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "out of order", http.StatusTeapot)
	})
	mux.HandleFunc("/later", func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(20 * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"n": 1}`)
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		p.waiting <- struct{}{}
		select {
		case <-r.Context().Done():
			p.left <- struct{}{}
		case <-p.done:
		}
	})
	p.Server = httptest.NewServer(mux)
	return p
}

func (p *peer) close() {
	close(p.done)
	p.Close()
}

// arrived waits for a request to /slow; arrived -left waits until its caller
// has disconnected.
func arrived(ts *testscript.TestScript, neg bool, args []string) {
	p := ts.Value(peerKey{}).(*peer)
	signal := p.waiting
	if len(args) == 1 && args[0] == "-left" {
		signal = p.left
	} else if len(args) != 0 || neg {
		ts.Fatalf("usage: arrived [-left]")
	}
	ctx, cancel := context.WithTimeout(context.Background(), executortest.Patience)
	defer cancel()
	select {
	case <-signal:
	case <-ctx.Done():
		ts.Fatalf("nothing arrived")
	}
}

// appears waits until a file exists.
func appears(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 || neg {
		ts.Fatalf("usage: appears FILE")
	}
	for end := time.Now().Add(executortest.Patience); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("there is no %s", args[0])
		}
	}
}

// asked waits until tasks wait for an answer: asked NUMBER.
func asked(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 || neg {
		ts.Fatalf("usage: asked NUMBER")
	}
	for end := time.Now().Add(executortest.Patience); ; time.Sleep(50 * time.Millisecond) {
		if err := ts.Exec("chainwright", "approvals", "--json"); err != nil {
			ts.Fatalf("%v", err)
		}
		n := strings.Count(ts.ReadFile("stdout"), `"run_id"`)
		if fmt.Sprint(n) == args[0] {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%d tasks wait", n)
		}
	}
}

// exits runs a command that must end with the given exit code: exits CODE
// COMMAND….
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || neg {
		ts.Fatalf("usage: exits CODE COMMAND [ARG…]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("it ended with %s, not %s", code, args[0])
	}
}

// fill replaces $PEER in files by the peer's address.
func fill(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		path := ts.MkAbs(name)
		text, err := os.ReadFile(path)
		ts.Check(err)
		filled := strings.NewReplacer("$PEER", ts.Getenv("PEER"), "$WORK", ts.Getenv("WORK")).Replace(string(text))
		ts.Check(os.WriteFile(path, []byte(filled), 0o600))
	}
}

// grab sets a variable to the first word after a text in the last stdout: grab
// NAME TEXT.
func grab(ts *testscript.TestScript, _ bool, args []string) {
	_, after, found := strings.Cut(ts.ReadFile("stdout"), args[1])
	words := strings.FieldsFunc(after, func(r rune) bool { return strings.ContainsRune(" \n\t:\",", r) })
	if !found || len(words) == 0 {
		ts.Fatalf("stdout has nothing behind %q", args[1])
	}
	ts.Setenv(args[0], words[0])
}

// start sets a variable to the start of an id, without its last character: start
// NAME ID.
func start(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], args[1][:len(args[1])-1])
}
