package executors

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/executors/shorten"
)

// placeholders matches where a secret goes into a text. More than one dollar
// sign makes it plain text, from which one dollar sign is removed: callers
// escape data that way.
var placeholders = regexp.MustCompile(`\$+\{\{\s*secrets\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}`)

// opening is the part that every placeholder has, for a fast check.
const opening = "${{"

// Sender is an executor that sends its inputs to a host, and knows better than
// its definition to which. Secrets in the inputs are filled in only if they are
// bound to that destination.
type Sender interface {
	// Destination returns where a call goes. It reads only inputs that decide
	// that, and may get them with placeholders.
	Destination(pol *policy.Policy, inputs map[string]any) policy.Destination
}

// destination returns where the call goes: what the executor says, else the
// address in the input that its definition names.
func (a *attempt) destination(inputs map[string]any) policy.Destination {
	if sender, ok := a.entry.Executor.(Sender); ok {
		return sender.Destination(a.registry.policy, inputs)
	}
	if a.entry.def.Destination == "" {
		return policy.Destination{}
	}
	address, _ := inputs[a.entry.def.Destination].(string)
	to := policy.DestinationOf(address)
	if verify, given := inputs["verify"].(bool); given && !verify {
		to.Unverified = "verify: false accepts any certificate"
	}
	return to
}

// putSecrets replaces the placeholders in a copy of the call's inputs. An input
// that decides about the destination can't contain one, because secrets are
// bound to destinations.
func (a *attempt) putSecrets(ctx context.Context) *Error {
	if !hasOpening(a.call.Inputs) {
		return nil
	}
	def := a.entry.def
	if address, _ := a.call.Inputs[def.Destination].(string); def.Destination != "" && a.named(address) != "" {
		return Errorf(PermissionDenied, "%s can't hold a secret: it says where the call goes", def.Destination).
			WithField(def.Destination).WithHint("name the place itself, and put the secret into another input")
	}
	to := a.destination(a.call.Inputs)
	filled, err := a.fill(ctx, a.call.Inputs, to)
	if err != nil {
		return err
	}
	inputs := filled.(map[string]any)
	if a.destination(inputs) != to {
		return Errorf(PermissionDenied, "a secret can't be in an input of %s that says where the call goes", def.ID).
			WithHint("name the place itself, and put the secret into another input")
	}
	a.call.Inputs = inputs
	return nil
}

// hasOpening reports whether a text in v may contain a placeholder.
func hasOpening(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, opening)
	case []any:
		return slices.ContainsFunc(v, hasOpening)
	case map[string]any:
		for _, each := range v {
			if hasOpening(each) {
				return true
			}
		}
	}
	return false
}

// named returns the name of the first secret in a text, empty if there is
// none.
func (a *attempt) named(text string) string {
	for _, match := range placeholders.FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(match[0], "$$") {
			return match[1]
		}
	}
	return ""
}

// fill returns v with its placeholders replaced. It copies what it changes.
func (a *attempt) fill(ctx context.Context, v any, to policy.Destination) (any, *Error) {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, opening) {
			return a.fillText(ctx, v, to)
		}
	case []any:
		if !hasOpening(v) {
			return v, nil
		}
		copied := slices.Clone(v)
		for i, each := range copied {
			filled, err := a.fill(ctx, each, to)
			if err != nil {
				return nil, err
			}
			copied[i] = filled
		}
		return copied, nil
	case map[string]any:
		if !hasOpening(v) {
			return v, nil
		}
		copied := maps.Clone(v)
		for key, each := range v {
			filled, err := a.fill(ctx, each, to)
			if err != nil {
				return nil, err.within(key)
			}
			copied[key] = filled
		}
		return copied, nil
	}
	return v, nil
}

// within adds a key before the field of an error.
func (e *Error) within(key string) *Error {
	if e.Field == "" {
		return e.WithField(key)
	}
	return e.WithField(key + "." + e.Field)
}

func (a *attempt) fillText(ctx context.Context, text string, to policy.Destination) (any, *Error) {
	var failed error
	filled := placeholders.ReplaceAllStringFunc(text, func(found string) string {
		if strings.HasPrefix(found, "$$") {
			return found[1:]
		}
		name := placeholders.FindStringSubmatch(found)[1]
		value, err := a.registry.policy.SecretFor(ctx, name, a.entry.def.ID, to)
		if err != nil {
			failed = err
			return ""
		}
		a.note(name)
		return value
	})
	if failed != nil {
		return nil, AsError(failed)
	}
	return filled, nil
}

// note records the name of a secret that was used.
func (a *attempt) note(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Contains(a.secrets, name) {
		a.secrets = append(a.secrets, name)
	}
}

// used returns the names of the secrets that were used.
func (a *attempt) used() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.secrets)
}

// hostOf returns the host and port of a URL. Other text is returned without
// the user and the password before its host.
func hostOf(text string) string {
	if _, rest, ok := strings.Cut(text, "://"); ok {
		text = rest
		if end := strings.IndexAny(text, "/?#"); end >= 0 {
			text = text[:end]
		}
	}
	return text[strings.LastIndexByte(text, '@')+1:]
}

// whereInputs are the inputs that name a destination, for executors whose
// definition has none.
var whereInputs = []string{"file_path", "path", "connection", "host", "image", "command"}

// target returns the destination of a call for the audit line: a host, a path
// or a program. It never contains a query or a DSN, which could hold a secret.
func target(def *Definition, inputs map[string]any) string {
	const most = 200
	if def.Destination != "" {
		text, _ := inputs[def.Destination].(string)
		return shorten.Bytes(hostOf(text), most)
	}
	for _, name := range whereInputs {
		switch value := inputs[name].(type) {
		case string:
			if name == "command" {
				value, _, _ = strings.Cut(strings.TrimSpace(value), " ")
			}
			return shorten.Bytes(value, most)
		case []any:
			if len(value) > 0 {
				program, _ := value[0].(string)
				return shorten.Bytes(program, most)
			}
		}
	}
	return ""
}
