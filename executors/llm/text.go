package llm

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/kaptinlin/jsonrepair"

	"github.com/chainwright/chainwright/executors/lazyregexp"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// longestRepaired bounds the JSON that is mended: mending takes more than
// linear time.
const longestRepaired = 16 << 10

var (
	thinking = lazyregexp.New(`(?is)^\s*<think(?:ing)?>(.*?)</think(?:ing)?>\s*`)
	fence    = lazyregexp.New("(?s)```[A-Za-z0-9_-]*[ \t]*\r?\n(.*?)\r?\n?[ \t]*```")
)

// splitThinking takes thinking that came as text out of a reply.
func splitThinking(text, reasoning string) (rest, thoughts string) {
	at := thinking().FindStringSubmatchIndex(text)
	if at == nil {
		return text, reasoning
	}
	return text[at[1]:], strings.TrimSpace(reasoning + "\n" + text[at[2]:at[3]])
}

// readJSON finds the JSON in a reply that fits a schema. Where none does the
// problems are those of the most likely one. What was cut off is not mended:
// it would pass for whole.
func readJSON(text string, schema *Schema, whole bool) (json.RawMessage, []string) {
	broken := []string{"there is no JSON in it"}
	var misfit []string
	for i, part := range parts(text) {
		value, raw, err := decode(part, whole)
		if err != nil {
			if i == 0 {
				broken = []string{"it is not valid JSON: " + err.Error()}
			}
			continue
		}
		violations := schema.Validate(value)
		if len(violations) == 0 {
			return raw, nil
		}
		if misfit == nil {
			for _, v := range violations {
				misfit = append(misfit, v.String())
			}
		}
	}
	if misfit != nil {
		return nil, misfit
	}
	return nil, broken
}

// parts are where the JSON of a reply may be, the most likely first: all of
// it, what is in fences, what is in braces. Of several the last counts, since
// models repeat the examples first.
func parts(text string) []string {
	text = strings.TrimSpace(text)
	if text != "" && (text[0] == '{' || text[0] == '[') {
		if json.Valid([]byte(text)) {
			return []string{text}
		}
	}
	spans := strictjson.Spans(text)
	var list []string
	for _, span := range spans[max(0, len(spans)-mostParts):] {
		list = append(list, text[span.Start:span.End])
	}
	for _, fenced := range fence().FindAllStringSubmatch(text, mostParts) {
		if inside := strings.TrimSpace(fenced[1]); inside != "" {
			list = append(list, inside)
		}
	}
	if json.Valid([]byte(text)) { // a bare string, number or word
		list = append(list, text)
	}
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

// mostParts bounds how many pieces of a reply are looked at.
const mostParts = 16

// decode reads JSON, mending what models get wrong in it: trailing commas,
// quotes, comments. What has no end is not mended: something is missing there.
func decode(part string, mend bool) (any, json.RawMessage, error) {
	value, err := strictjson.Decode([]byte(part))
	if err == nil {
		return value, json.RawMessage(part), nil
	}
	closed := strings.IndexAny(part, "{[") == 0 && strings.LastIndexAny(part, "}]") == len(part)-1
	if !mend || !closed || len(part) > longestRepaired {
		return nil, nil, err
	}
	mended, failed := jsonrepair.Repair(part)
	if failed != nil {
		return nil, nil, err
	}
	value, failed = strictjson.Decode([]byte(mended))
	if failed != nil {
		return nil, nil, err
	}
	return value, json.RawMessage(mended), nil
}

func count(n int) string {
	if n == 0 {
		return "the endpoint's own bound"
	}
	return strconv.Itoa(n)
}
