package executors

import (
	"encoding/json"
	"fmt"
	"strings"
)

// cleanProgress takes secrets out of what is reported on the way.
func (a *attempt) cleanProgress(report func(Progress)) func(Progress) {
	pol := a.registry.policy
	return func(p Progress) {
		p.Message = truncate(pol.RedactString(strings.ToValidUTF8(p.Message, "\uFFFD")), maxMessage)
		report(p)
	}
}

// clean makes the texts of an error fit to be shown: no secrets, no bytes that
// are no text, no end without an end.
func (a *attempt) clean(err *Error) *Error {
	pol := a.registry.policy
	for _, text := range []*string{&err.Message, &err.Code, &err.Hint, &err.Field} {
		if *text != "" {
			*text = truncate(pol.RedactString(strings.ToValidUTF8(*text, "\uFFFD")), maxMessage)
		}
	}
	return err
}

// truncate shortens a text, and says so with its last character.
func truncate(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

func megabytes(n int) string {
	if n < 50<<10 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// shorten cuts the longest texts at the top of a result until it fits, and
// says so in its truncated. Nothing else can be cut and stay what it was.
func shorten(raw json.RawMessage, most int) (json.RawMessage, bool) {
	root := members(raw)
	for range 8 {
		longest, size := -1, 0
		for i, each := range *root {
			if len(each.value) > size && each.value[0] == '"' {
				longest, size = i, len(each.value)
			}
		}
		over := len(raw) - most + len(`,"truncated":true`) + len("…")
		if longest < 0 || size < 1024 {
			return nil, false
		}
		text, _ := decode((*root)[longest].value).(string)
		// Escapes make a text longer than it is: cut in proportion.
		keep := int(float64(len(text)) * max(0, 1-float64(over+64)/float64(size)))
		(*root)[longest].value = encode(strings.ToValidUTF8(text[:keep], "") + "…")
		root.set("truncated", json.RawMessage("true"))
		if raw = root.encode(); len(raw) <= most {
			return raw, true
		}
	}
	return nil, false
}
