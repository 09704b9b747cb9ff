package strictjson

import (
	"encoding/json"
	"math/big"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// numeric matches the plain words that are numbers in YAML's core schema, or
// in older YAML.
var numeric = regexp.MustCompile(`^[-+]?(0x[0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+|(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?)$`)

// scalar returns the value of a YAML scalar.
func scalar(node *yaml.Node) (any, error) {
	switch tag := node.ShortTag(); tag {
	case "!!null":
		return nil, nil
	case "!!bool":
		switch strings.ToLower(node.Value) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, yamlFail(node, "%s is not a boolean; write true or false", short(node.Value))
	case "!!int", "!!float":
		return number(node)
	case "!!str", "!!timestamp", "!!merge":
		// The YAML library reads a number that is out of range as a string.
		if node.Style == 0 && numeric.MatchString(node.Value) && tag == "!!str" && node.Tag == tag {
			return number(node)
		}
		if !utf8.ValidString(node.Value) {
			return nil, yamlFail(node, "the text is not valid UTF-8")
		}
		if node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			return block(node.Value), nil
		}
		return node.Value, nil
	default:
		return nil, yamlFail(node, "tag %s is not supported", short(tag))
	}
}

// block returns the text of a block scalar. One that consists of one reference,
// ${{ … }}, is that reference without the line ends around it, which the writer
// can't leave out: the value of the reference then keeps its type.
func block(text string) string {
	one := strings.TrimSpace(text)
	if strings.HasPrefix(one, "${{") && strings.HasSuffix(one, "}}") && strings.Count(one, "{{") == 1 {
		return one
	}
	return text
}

// number returns a YAML number in the notation of JSON.
func number(node *yaml.Node) (any, error) {
	text := node.Value
	if len(text) > 4*MaxNumber {
		return nil, yamlFail(node, "a number has %d characters; at most %d are allowed", len(text), MaxNumber)
	}
	if !numeric.MatchString(text) {
		return nil, yamlFail(node, "JSON has no number %s; quote it if it is a string", short(text))
	}
	text = strings.ReplaceAll(strings.TrimPrefix(text, "+"), "_", "")
	minus := strings.HasPrefix(text, "-")
	text = strings.TrimPrefix(text, "-")
	switch {
	case len(text) > 1 && text[0] == '0' && strings.ContainsAny(text[1:2], "xob"):
		whole, ok := new(big.Int).SetString(text, 0)
		if !ok {
			return nil, yamlFail(node, "%s is not a number", short(node.Value))
		}
		text = whole.String()
	case len(text) > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9':
		return nil, yamlFail(node, "%s begins with 0 and could be octal; remove the 0, or quote it if it is a string", short(node.Value))
	case text[0] == '.':
		text = "0" + text
	}
	if whole, rest, ok := strings.Cut(text, "."); ok && (rest == "" || rest[0] < '0' || rest[0] > '9') {
		text = whole + rest // "1." and "1.e3"
	}
	if minus {
		text = "-" + text
	}
	p := newParser([]byte(text), false)
	if _, err := p.document(); err != nil {
		return nil, yamlFail(node, "%s", p.err.Message)
	}
	return json.Number(text), nil
}
