package llm

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/kaptinlin/jsonrepair"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// longestRepaired is the largest JSON that is repaired, in bytes: repairing takes
// more than linear time.
const longestRepaired = 16 << 10

var (
	// thinking matches reasoning at the start of a text. Its opening tag is often
	// a part of the prompt, so that the reply begins within it.
	thinking = regexp.MustCompile(`(?is)^\s*(?:<think(?:ing)?>|<seed:think>|\[THINK\]|◁think▷)(.*?)(?:</think(?:ing)?>|</seed:think>|\[/THINK\]|◁/think▷)\s*`)
	opens    = regexp.MustCompile(`(?i)<think(?:ing)?>|<seed:think>|\[THINK\]|◁think▷`)
	closes   = regexp.MustCompile(`(?i)</think(?:ing)?>|</seed:think>|\[/THINK\]|◁/think▷`)
	fence    = regexp.MustCompile("(?s)```[A-Za-z0-9_-]*[ \t]*\r?\n(.*?)\r?\n?[ \t]*```")
)

// splitThinking moves reasoning at the start of the text to reasoning: all that is
// in tags, and all before a closing tag that was not opened. If the reply was cut
// off, reasoning may have no end.
func splitThinking(text, reasoning string, cut bool) (rest, thoughts string) {
	var found []string
	if reasoning != "" {
		found = append(found, reasoning)
	}
	for {
		thought, after, ok := firstThought(text)
		if !ok {
			break
		}
		text, found = after, append(found, strings.TrimSpace(thought))
	}
	if at := opens.FindStringIndex(text); cut && at != nil && strings.TrimSpace(text[:at[0]]) == "" {
		text, found = "", append(found, strings.TrimSpace(text[at[1]:]))
	}
	return text, strings.TrimSpace(strings.Join(found, "\n"))
}

func firstThought(text string) (thought, rest string, ok bool) {
	if at := thinking.FindStringSubmatchIndex(text); at != nil {
		return text[at[2]:at[3]], text[at[1]:], true
	}
	at := closes.FindStringIndex(text)
	if at == nil || opens.MatchString(text[:at[0]]) || quoted(text, at) || json.Valid([]byte(text)) {
		return "", text, false
	}
	return text[:at[0]], strings.TrimLeft(text[at[1]:], " \t\r\n"), true
}

// quoted reports whether a text is about the tag at this place.
func quoted(text string, at []int) bool {
	return at[0] > 0 && at[1] < len(text) && text[at[0]-1] == text[at[1]] && strings.IndexByte("`\"'", text[at[1]]) >= 0
}

// readJSON returns the JSON in a reply that matches the schema, or the problems
// of the most likely candidate. Unless whole is true, the reply was cut off and
// its JSON is not repaired: the result would look complete.
func readJSON(text string, schema *Schema, whole bool) (json.RawMessage, []string) {
	broken := []string{"it contains no JSON"}
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

// parts returns the candidates for the JSON of a reply, the most likely first:
// the whole text, fenced code, text in braces. Later ones come first, because
// models often repeat the examples before their answer.
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
	for _, fenced := range fence.FindAllStringSubmatch(text, mostParts) {
		if inside := strings.TrimSpace(fenced[1]); inside != "" {
			list = append(list, inside)
		}
	}
	if json.Valid([]byte(text)) { // a bare string, number, true, false or null
		list = append(list, text)
	}
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}

// mostParts is the largest number of candidates.
const mostParts = 16

// decode decodes JSON. With mend, it repairs common mistakes of models: trailing
// commas, quotes, comments. JSON without an end is not repaired.
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
		return "the endpoint's limit"
	}
	return strconv.Itoa(n)
}
