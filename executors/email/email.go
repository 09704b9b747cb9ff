// Package email implements send_email_executor. It is not a stable API.
// The executor sends one e-mail through a mail server of the operator. It does
// not retry: after a lost connection, the server may have accepted the message.
package email

import (
	"context"
	"embed"

	"github.com/chainwright/chainwright/executors"
)

//go:embed definition.yaml
var files embed.FS

// New returns send_email_executor. A connection lasts no longer than its call.
func New() executors.Executor {
	return executors.New(executors.MustLoad(files), execute)
}

type input struct {
	To          any     `json:"to"`
	Subject     string  `json:"subject"`
	Body        string  `json:"body"`
	HTML        string  `json:"html"`
	Cc          any     `json:"cc"`
	Bcc         any     `json:"bcc"`
	ReplyTo     string  `json:"reply_to"`
	FromEmail   string  `json:"from_email"`
	Attachments []any   `json:"attachments"`
	Connection  string  `json:"connection"`
	Timeout     float64 `json:"timeout"` // applied by the registry
}

type output struct {
	Success   bool     `json:"success"`
	MessageID string   `json:"message_id"`
	Accepted  []string `json:"accepted"`
}

func execute(ctx context.Context, call *executors.Call, in input) (*output, error) {
	via, err := choose(call.Policy, in.Connection)
	if err != nil {
		return nil, err
	}
	message, accepted, err := compose(call, in, via)
	if err != nil {
		return nil, err
	}
	if err := via.send(ctx, call.Policy, message); err != nil {
		return nil, err
	}
	return &output{Success: true, MessageID: message.GetMessageID(), Accepted: accepted}, nil
}
