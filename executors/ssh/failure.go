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

// exitError says that the command itself failed.
type exitError struct {
	code int
	said string
}

func (e *exitError) Error() string {
	text := fmt.Sprintf("the command ended with exit code %d", e.code)
	if e.said != "" {
		text += ": " + e.said
	}
	return text
}

// failure says why a call failed.
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
		return executors.Errorf(executors.ExecutionError, "%w", err).WithCode(strconv.Itoa(exit.code))
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return executors.Errorf(executors.TimeoutError, "%s: not done within the time-out", t.address).WithField("timeout").WithHint("set timeout to give it more time")
	case ctx.Err() != nil:
		return executors.Errorf(executors.Cancelled, "%s: cancelled", t.address)
	case notLetIn(err):
		return executors.Errorf(executors.AuthenticationError, "%s does not let %s in with what was given", t.address, t.user).
			WithHint("check the username, and the key or the password")
	case errors.Is(err, errConnection), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return executors.Errorf(executors.NetworkError, "%s: the connection broke off%s", t.address, detail(err))
	case errors.As(err, &closed):
		return executors.Errorf(executors.NetworkError, "%s refuses: %w", t.address, err)
	case errors.As(err, &network), strings.HasPrefix(err.Error(), "ssh: handshake failed"):
		return executors.Errorf(executors.NetworkError, "%s: no connection: %w", t.address, err).Retry(0)
	}
	return executors.Errorf(executors.ExecutionError, "%s: %w", t.address, err)
}

// notLetIn reads the library's texts, since it has no values for them. The
// second is how it takes a refusal of what it tries after a password.
func notLetIn(err error) bool {
	return strings.Contains(err.Error(), "unable to authenticate") || strings.Contains(err.Error(), "unexpected message type 51 (expected 60)")
}

// detail is what the errors inside say that is not said already.
func detail(err error) string {
	var said strings.Builder
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != errConnection.Error() && line != errNotBegun.Error() {
			said.WriteString(": " + line)
		}
	}
	return said.String()
}
