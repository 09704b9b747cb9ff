package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/policy"
)

// exitError is the exit code of a failed command.
type exitError struct {
	code int
	last string
}

func (e *exitError) Error() string {
	text := fmt.Sprintf("the command ended with exit code %d", e.code)
	if e.last != "" {
		text += ": " + e.last
	}
	return text
}

// failure converts an error to the executor's error.
func (t *target) failure(ctx context.Context, err error) error {
	var typed *executors.Error
	var denied *policy.Denied
	var exit *exitError
	var closed *ssh.OpenChannelError
	var network net.Error
	switch {
	case errors.As(err, &typed), errors.As(err, &denied):
		return err
	case errors.As(err, &exit):
		failed := executors.Errorf(executors.ExecutionError, "%w", err).WithCode(strconv.Itoa(exit.code))
		failed.Exited = true
		return failed
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return executors.Errorf(executors.TimeoutError, "%s: not finished within the timeout", t.address).WithField("timeout").WithHint("set a longer timeout")
	case ctx.Err() != nil:
		return executors.Errorf(executors.Cancelled, "%s: cancelled", t.address)
	case authFailed(err):
		return executors.Errorf(executors.AuthenticationError, "%s rejected the credentials of %s", t.address, t.user).
			WithHint("check the username and the key or the password")
	case errors.Is(err, errConnection), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return executors.Errorf(executors.NetworkError, "%s: the connection broke%s", t.address, detail(err))
	case errors.As(err, &closed):
		return executors.Errorf(executors.NetworkError, "%s refused: %w", t.address, err)
	case errors.As(err, &network), strings.HasPrefix(err.Error(), "ssh: handshake failed"):
		return executors.Errorf(executors.NetworkError, "%s: no connection: %w", t.address, err).Retry(0)
	}
	return executors.Errorf(executors.ExecutionError, "%s: %w", t.address, err)
}

// authFailed reports a failed authentication. The library returns only texts; the
// second one follows a rejected password.
func authFailed(err error) bool {
	return strings.Contains(err.Error(), "unable to authenticate") || strings.Contains(err.Error(), "unexpected message type 51 (expected 60)")
}

// detail returns the inner errors without the sentinel errors.
func detail(err error) string {
	var said strings.Builder
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != errConnection.Error() && line != errNotBegun.Error() {
			said.WriteString(": " + line)
		}
	}
	return said.String()
}
