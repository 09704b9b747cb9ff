package engine_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/chain"
	"github.com/chainwright/chainwright/chain/engine"
	"github.com/chainwright/chainwright/chain/store/memory"
	"github.com/chainwright/chainwright/executors/policy"
)

// The pauses between attempts grow, have jitter, and respect the peer's
// retry-after. There is no pause after the last attempt.
func TestPausesBetweenAttempts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, retry, inputs string
		least, most         time.Duration
		attempts            int
	}{
		{"exponential", `{"max_attempts":4,"initial_seconds":10}`, `"retryable":true`, 35 * time.Second, 70 * time.Second, 4},
		{"fixed", `{"max_attempts":4,"initial_seconds":10,"backoff":"fixed"}`, `"retryable":true`, 15 * time.Second, 30 * time.Second, 4},
		{"at most", `{"max_attempts":4,"initial_seconds":10,"max_seconds":10}`, `"retryable":true`, 15 * time.Second, 30 * time.Second, 4},
		{"as asked", `{"max_attempts":2,"initial_seconds":1}`, `"retryable":true,"retry_after":45`, 45 * time.Second, 45 * time.Second, 2},
		{"asked for too long", `{"max_attempts":2,"initial_seconds":1}`, `"retryable":true,"retry_after":90`, 0, 0, 1},
		{"one attempt", `{"max_attempts":1,"initial_seconds":10}`, `"retryable":true`, 0, 0, 1},
		{"not retryable", `{"max_attempts":3,"initial_seconds":10}`, `"retryable":false`, 0, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, memory.Open(memory.Options{}), engine.Options{}, policy.Config{})
				v := b.RunTree(t, `[{"name":"a","schemas":{"method":"probe"},"retry":`+c.retry+`,"inputs":{"fail":"busy",`+c.inputs+`}}]`, chain.RunOptions{})
				took := v.Tasks[0].CompletedAt.Sub(*v.Tasks[0].StartedAt)
				if v.Tasks[0].Attempts != c.attempts || took < c.least || took > c.most+time.Second {
					t.Errorf("%d attempts in %s", v.Tasks[0].Attempts, took)
				}
			})
		})
	}
}

// The log says that a run is continued under another policy.
func TestRetryUnderAnotherPolicy(t *testing.T) {
	t.Parallel()
	s := memory.Open(memory.Options{})
	var log bytes.Buffer
	b := newBench(t, s, engine.Options{Log: zerolog.New(zerolog.SyncWriter(&log))}, policy.Config{})
	v := b.RunTree(t, `[{"id":"a","name":"a","schemas":{"method":"probe"}}]`, chain.RunOptions{})
	row, err := s.Run(t.Context(), v.RunID)
	if err != nil {
		t.Fatal(err)
	}
	other := *row
	other.ID, other.Policy, other.Owner = "r", "another", "gone"
	if _, err := s.Create(t.Context(), &other); err != nil {
		t.Fatal(err)
	}
	for id, warned := range map[string]bool{v.RunID: false, "r": true} {
		if _, err := chain.Retry(t.Context(), b, id, []string{"a"}, ""); err != nil {
			t.Fatal(err)
		}
		b.End(t, id)
		if strings.Contains(log.String(), `"run_id":"`+id+`","before"`) != warned {
			t.Errorf("%s: %s", id, &log)
		}
	}
}
