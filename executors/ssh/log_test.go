package ssh_test

import (
	"testing"

	"github.com/chainwright/chainwright/executors/executortest"
)

// What a command writes on the host is in the log while it runs.
func TestLog(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	logs := &executortest.Logs{}
	l.logs = logs
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, err := l.call(t.Context(), `{"host": "web01", "command": "echo begins; while ! [ -e gate ]; do sleep 0.05; done; rm gate; echo ends >&2"}`); err != nil {
			t.Error(err)
		}
	}()
	executortest.Await(t, "the first line", func() bool { return logs.Text() == "begins\n" })
	other := *l
	other.logs = nil
	if _, err := other.call(t.Context(), `{"host": "web01", "command": "touch gate"}`); err != nil {
		t.Fatal(err)
	}
	<-done
	if logs.Text() != "begins\nends\n" {
		t.Errorf("the log: %q", logs.Text())
	}
}
