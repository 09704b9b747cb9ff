//go:build unix

package docker_test

import (
	"context"
	"testing"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/executortest"
)

// What a container writes is in the log while it runs.
func TestLog(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	logs := &executortest.Logs{}
	l.logs = logs
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := l.call(ctx, t, `"command": ["pour", "both", "-1"]`); err == nil || err.Type != executors.Cancelled {
			t.Errorf("it ended with %v", err)
		}
	}()
	executortest.Await(t, "output", func() bool { return logs.Text() != "" })
	cancel()
	<-done
	if opened, open := logs.Open(); opened != 1 || open != 0 {
		t.Errorf("%d logs were opened, %d are open", opened, open)
	}
}
