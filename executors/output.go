package executors

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/shorten"
)

// cleanProgress returns report with secrets redacted from its messages.
func (a *attempt) cleanProgress(report func(Progress)) func(Progress) {
	pol := a.registry.policy
	return func(p Progress) {
		p.Message = shorten.Bytes(pol.RedactString(strings.ToValidUTF8(p.Message, "\uFFFD")), maxMessage)
		report(p)
	}
}

// clean redacts the texts of an error, replaces invalid UTF-8 and limits their
// length.
func (a *attempt) clean(err *Error) *Error {
	pol := a.registry.policy
	for _, text := range []*string{&err.Message, &err.Code, &err.Hint, &err.Field} {
		if *text != "" {
			*text = shorten.Bytes(pol.RedactString(strings.ToValidUTF8(*text, "\uFFFD")), maxMessage)
		}
	}
	return err
}

func megabytes(n int) string {
	if n < 50<<10 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// fitOutput shortens the longest texts at the top level of a result until it
// fits, and sets its truncated. Other values would be wrong when they are cut.
func fitOutput(raw json.RawMessage, most int) (json.RawMessage, bool) {
	root := members(raw)
	for range 8 {
		longest, size := -1, 0
		for i, each := range *root {
			if len(each.value) > size && each.value[0] == '"' {
				longest, size = i, len(each.value)
			}
		}
		over := len(raw) - most + len(`,"truncated":true`)
		if longest < 0 || size < 1024 {
			return nil, false
		}
		text, _ := decode((*root)[longest].value).(string)
		(*root)[longest].value = plainjson.Must(shorten.JSON(text, size-over))
		root.set("truncated", json.RawMessage("true"))
		if raw = root.encode(); len(raw) <= most {
			return raw, true
		}
	}
	return nil, false
}
