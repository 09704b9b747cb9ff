package email

import (
	"bytes"
	"fmt"
	"net/mail"
	"strings"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/web"
)

// maxRecipients is the largest number of recipients of a message.
const maxRecipients = 100

// compose builds the message and returns it with its recipients. No input can
// start a header line: control characters in headers are refused, and addresses
// are parsed and encoded again.
func compose(call *executors.Call, in input, via *server) (*gomail.Msg, []string, error) {
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	var accepted []string
	for _, each := range []struct {
		field string
		given any
		set   func(...string) error
	}{{"to", in.To, message.To}, {"cc", in.Cc, message.Cc}, {"bcc", in.Bcc, message.Bcc}} {
		addresses, err := readAddresses(each.field, each.given)
		if err != nil {
			return nil, nil, err
		}
		var written []string
		for _, address := range addresses {
			written = append(written, address.String())
			accepted = append(accepted, address.Address)
		}
		if len(written) == 0 {
			continue
		}
		if err := each.set(written...); err != nil {
			return nil, nil, web.Invalid(each.field, "%s is invalid: %w", each.field, err)
		}
	}
	if len(accepted) == 0 || len(accepted) > maxRecipients {
		return nil, nil, web.Invalid("to", "an e-mail must have 1 to %d recipients; got %d", maxRecipients, len(accepted))
	}
	if err := setSender(message, in, via); err != nil {
		return nil, nil, err
	}
	if err := plain("subject", in.Subject); err != nil {
		return nil, nil, err
	}
	message.Subject(in.Subject)
	message.SetDate()
	setMessageID(message, call)
	switch {
	case in.Body == "" && in.HTML == "":
		return nil, nil, web.Invalid("body", "body or html is required")
	case in.HTML == "":
		message.SetBodyString(gomail.TypeTextPlain, in.Body)
	case in.Body == "":
		message.SetBodyString(gomail.TypeTextHTML, in.HTML)
	default:
		message.SetBodyString(gomail.TypeTextPlain, in.Body)
		message.AddAlternativeString(gomail.TypeTextHTML, in.HTML)
	}
	return message, accepted, attach(call, message, in.Attachments)
}

// setMessageID gives a message that is sent again the id of before, so that mail
// programs recognise it.
func setMessageID(message *gomail.Msg, call *executors.Call) {
	from := message.GetFrom()
	if call.IdempotencyKey == "" || len(from) == 0 {
		message.SetMessageID()
		return
	}
	_, domain, _ := strings.Cut(from[0].Address, "@")
	message.SetMessageIDWithValue(call.IdempotencyKey + "@" + domain)
}

// setSender sets the connection's own address. A caller's address is used only if
// the connection has none.
func setSender(message *gomail.Msg, in input, via *server) error {
	from, field := via.From, "policy.connections."+via.name+".from"
	if in.FromEmail != "" {
		given, err := readAddress("from_email", in.FromEmail)
		if err != nil {
			return err
		}
		own, err := mail.ParseAddress(from)
		if from != "" && (err != nil || !strings.EqualFold(own.Address, given.Address)) {
			return executors.Errorf(executors.PermissionDenied, "the connection %s can send from its own address only", via.name).
				WithField("from_email").WithHint("omit from_email")
		}
		from, field = given.String(), "from_email"
	}
	if from == "" {
		return web.Invalid("from_email", "from_email is required: the connection %s has no address", via.name)
	}
	if err := message.From(from); err != nil {
		return web.Invalid(field, "%s is invalid: %w", field, err)
	}
	if in.ReplyTo == "" {
		return nil
	}
	reply, err := readAddress("reply_to", in.ReplyTo)
	if err != nil {
		return err
	}
	return message.ReplyTo(reply.String())
}

func readAddresses(field string, given any) ([]*mail.Address, error) {
	list, several := given.([]any)
	if !several && given != nil {
		list = []any{given}
	}
	var addresses []*mail.Address
	for i, each := range list {
		at := field
		if several {
			at = fmt.Sprintf("%s[%d]", field, i)
		}
		text, _ := each.(string)
		address, err := readAddress(at, text)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, address)
	}
	return addresses, nil
}

func readAddress(field, text string) (*mail.Address, error) {
	if err := plain(field, text); err != nil {
		return nil, err
	}
	address, err := mail.ParseAddress(text)
	if err != nil {
		return nil, web.Invalid(field, `%s must be one address such as "Ada <ada@example.com>"; got %q`, field, text)
	}
	// Mail servers interpret quoted local parts differently.
	if strings.ContainsAny(address.Address, " \"\\<>(),:;[]") || plain(field, address.Address) != nil || plain(field, address.Name) != nil {
		return nil, web.Invalid(field, "%s contains characters that mail servers interpret differently; got %q", field, text)
	}
	return address, nil
}

// plain fails if a text contains characters that could end a header line.
func plain(field, text string) error {
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }) {
		return web.Invalid(field, "%s must not contain control characters such as line breaks", field)
	}
	return nil
}

func attach(call *executors.Call, message *gomail.Msg, given []any) error {
	left := web.MaxUpload
	for i, each := range given {
		field := fmt.Sprintf("attachments[%d]", i)
		one, err := web.ReadUpload(call, field, each, left)
		if err != nil {
			return err
		}
		left -= len(one.Content)
		if err := plain(field+".filename", one.Filename); err != nil {
			return err
		}
		kind := gomail.WithFileContentType(gomail.ContentType(one.ContentType))
		if err := message.AttachReader(one.Filename, bytes.NewReader(one.Content), kind); err != nil {
			return fmt.Errorf("attaching %s: %w", one.Filename, err)
		}
	}
	return nil
}
