package executors

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// placeholders finds where a secret is to be put into a text. More than one
// dollar before it makes it a plain text, of which one dollar is taken off:
// that is how whoever puts data into inputs keeps it from being read as one.
var placeholders = regexp.MustCompile(`\$+\{\{\s*secrets\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}`)

// opening is what every placeholder has in it, to look for quickly.
const opening = "${{"

// putSecrets replaces the placeholders in the inputs of the call, which get a
// copy where there are any. The input that says where the call goes can't hold
// one: secrets are bound to that place.
func (a *attempt) putSecrets() *Error {
	if !hasOpening(a.call.Inputs) {
		return nil
	}
	def := a.entry.def
	host := ""
	if def.Destination != "" {
		host, _ = a.call.Inputs[def.Destination].(string)
		if used := a.named(host); used != "" {
			return Errorf(PermissionDenied, "%s can't hold a secret: it says where the call goes", def.Destination).
				WithField(def.Destination).WithHint("name the place itself, and put the secret into another input")
		}
	}
	filled, err := a.fill(a.call.Inputs, host)
	if err != nil {
		return err
	}
	a.call.Inputs = filled.(map[string]any)
	return nil
}

// hasOpening reports whether some text in v may hold a placeholder.
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

// named gives the first secret that a text names, empty where it names none.
func (a *attempt) named(text string) string {
	for _, match := range placeholders.FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(match[0], "$$") {
			return match[1]
		}
	}
	return ""
}

// fill gives v with its placeholders replaced. It copies what it changes.
func (a *attempt) fill(v any, host string) (any, *Error) {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, opening) {
			return a.fillText(v, host)
		}
	case []any:
		if !hasOpening(v) {
			return v, nil
		}
		copied := slices.Clone(v)
		for i, each := range copied {
			filled, err := a.fill(each, host)
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
			filled, err := a.fill(each, host)
			if err != nil {
				return nil, err.within(key)
			}
			copied[key] = filled
		}
		return copied, nil
	}
	return v, nil
}

// within puts a key before the field of an error.
func (e *Error) within(key string) *Error {
	if e.Field == "" {
		return e.WithField(key)
	}
	return e.WithField(key + "." + e.Field)
}

func (a *attempt) fillText(text, host string) (any, *Error) {
	var failed error
	filled := placeholders.ReplaceAllStringFunc(text, func(found string) string {
		if strings.HasPrefix(found, "$$") {
			return found[1:]
		}
		name := placeholders.FindStringSubmatch(found)[1]
		value, err := a.registry.policy.Secret(name, a.entry.def.ID, host)
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

// note keeps the name of a secret that was used.
func (a *attempt) note(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Contains(a.secrets, name) {
		a.secrets = append(a.secrets, name)
	}
}

// used names the secrets that were used.
func (a *attempt) used() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.secrets)
}

// hostOf gives the host and port of a URL, and what is none as it is, but for
// the user and the password that may stand before it.
func hostOf(text string) string {
	if _, rest, ok := strings.Cut(text, "://"); ok {
		text = rest
		if end := strings.IndexAny(text, "/?#"); end >= 0 {
			text = text[:end]
		}
	}
	return text[strings.LastIndexByte(text, '@')+1:]
}

// whereInputs are the inputs that say where a call goes, for those executors
// whose definition names no destination.
var whereInputs = []string{"file_path", "path", "connection", "host", "image", "command"}

// target is where a call goes, for the audit line: a host, a path or a
// program; never a query or a DSN, in which a secret could be.
func target(def *Definition, inputs map[string]any) string {
	const most = 200
	if def.Destination != "" {
		text, _ := inputs[def.Destination].(string)
		return truncate(hostOf(text), most)
	}
	for _, name := range whereInputs {
		switch value := inputs[name].(type) {
		case string:
			if name == "command" {
				value, _, _ = strings.Cut(strings.TrimSpace(value), " ")
			}
			return truncate(value, most)
		case []any:
			if len(value) > 0 {
				program, _ := value[0].(string)
				return truncate(program, most)
			}
		}
	}
	return ""
}
