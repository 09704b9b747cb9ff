package app_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/schedule"
	"github.com/chainwright/chainwright/chain/store"
	"github.com/chainwright/chainwright/executors/executortest"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/transport/app"
)

// scheduled returns a server whose saved tree was due a moment ago, for each of
// some principals.
func scheduled(t *testing.T, trees, file, principal string, tokens ...app.Token) *app.App {
	t.Helper()
	server := open(t, app.WithDataDir(filepath.Dir(file)), app.WithStore("sqlite:"+file), app.WithPolicy(policy.Config{Audit: policy.Audit{Off: true}}),
		app.WithExecutors(shout), app.WithTrees(trees), app.WithHTTP(app.HTTP{Tokens: tokens}))
	text := "schedule: {cron: \"* * * * *\", misfire: once}\ntasks: [{id: a, executor: shout, inputs: {text: \"hello\"}}]"
	if err := os.WriteFile(filepath.Join(trees, "minutely.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	then := time.Now().Add(-2 * time.Minute)
	if err := server.Parts().Tools.Schedules().Apply(t.Context(), schedule.Change{Tree: "minutely", Action: schedule.Enable, Principal: principal, Local: true}, then); err != nil {
		t.Fatal(err)
	}
	return server
}

func (s *serving) stop(t *testing.T) {
	t.Helper()
	s.cancel()
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

type serving struct {
	cancel context.CancelFunc
	ended  chan error
}

// serve serves HTTP at a free port.
func serve(t *testing.T, server *app.App) *serving {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &serving{cancel, make(chan error, 1)}
	go func() { s.ended <- server.Serve(ctx, addr) }()
	return s
}

// A server fires what is due, also what another one enabled, and two servers
// with one store start one run for each time.
func TestServeFiresSchedules(t *testing.T) {
	t.Parallel()
	dir, trees := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "runs.db")
	first := scheduled(t, trees, file, "ann", app.Token{Name: "ann", Value: strings.Repeat("a", 32)})
	second := open(t, app.WithDataDir(dir), app.WithStore("sqlite:"+file), app.WithPolicy(policy.Config{Audit: policy.Audit{Off: true}}),
		app.WithExecutors(shout), app.WithTrees(trees), app.WithHTTP(app.HTTP{Tokens: []app.Token{{Name: "ann", Value: strings.Repeat("a", 32)}}}))
	one, two := serve(t, first), serve(t, second)
	book, runs := first.Parts().Tools.Schedules(), []chain.RunSummary(nil)
	executortest.Await(t, "a run completes", func() bool {
		var err error
		if runs, _, err = first.Runner().List(t.Context(), chain.ListOptions{Principal: "ann"}); err != nil {
			t.Fatal(err)
		}
		return len(runs) > 0 && runs[0].Status == chain.Completed
	})
	list, err := book.List(t.Context(), time.Now(), 1)
	if err != nil || !list.Fired || list.Schedules[0].Last == nil {
		t.Errorf("the schedules: %+v, %v", list, err)
	}
	one.stop(t)
	two.stop(t)
	keys := map[string]bool{}
	for _, each := range runs {
		run, err := first.Parts().Store.Run(t.Context(), each.RunID)
		if err != nil || keys[run.Key] || !strings.HasPrefix(run.Key, "schedule minutely ") || run.Labels["schedule"] != "minutely" {
			t.Errorf("the run: %+v, %v", run, err)
			continue
		}
		keys[run.Key] = true
	}
	if list, err := book.List(t.Context(), time.Now(), 1); err != nil || list.Fired {
		t.Errorf("after the servers ended: %+v, %v", list, err)
	}
}

// A run starts with what the tokens of its principal allow when it is due.
func TestSchedulesRunAsTheirPrincipal(t *testing.T) {
	t.Parallel()
	token := func(name, principal string, scopes ...string) app.Token {
		return app.Token{Name: name, Principal: principal, Value: strings.Repeat(name, 32)[:32], Scopes: scopes}
	}
	for name, c := range map[string]struct {
		principal string
		tokens    []app.Token
		refused   string
	}{
		"the user of this machine": {"", nil, ""},
		"no token any more":        {"ann", []app.Token{token("b", "bob")}, "no token of the principal"},
		"no server token":          {"token", nil, "no token of the principal"},
		"all scopes":               {"ann", []app.Token{token("a", "ann")}, ""},
		"other tools":              {"ann", []app.Token{token("a", "ann", "tools:call", "tool:rest_executor")}, "task a uses shout"},
		"no calls":                 {"ann", []app.Token{token("a", "ann", "runs:read")}, "may not call tools"},
		"one of two tokens":        {"ann", []app.Token{token("a", "ann", "runs:read"), token("b", "ann", "tools:call", "tool:shout")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := scheduled(t, t.TempDir(), filepath.Join(t.TempDir(), "runs.db"), c.principal, c.tokens...)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				server.FireSchedules(ctx)
			}()
			var row *store.Schedule
			executortest.Await(t, "it fires", func() bool {
				var err error
				if row, err = server.Parts().Store.Schedule(t.Context(), "minutely"); err != nil {
					t.Fatal(err)
				}
				return row.Run != "" || row.Problem != nil
			})
			stop()
			<-ended
			if (c.refused == "") != (row.Problem == nil) || row.Problem != nil && !strings.Contains(row.Problem.Message, c.refused) {
				t.Errorf("refused: %+v", row.Problem)
			}
		})
	}
}
