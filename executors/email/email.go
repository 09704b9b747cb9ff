// Package email is send_email_executor: one e-mail through a mail server that
// the operator has configured. It sends once: whether a server that fell
// silent has sent a message is not to be known.
package email

import (
	"context"
	"embed"

	"github.com/chainwright/chainwright/executors"
)

//go:embed definition.yaml
var files embed.FS

// New makes send_email_executor. Its connections last no longer than a call.
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
	Timeout     float64 `json:"timeout"` // applied by the door
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
