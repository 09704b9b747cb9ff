package strictjson

import (
	"encoding/json"
	"math/big"
	"regexp"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// numeric are the plain words that are numbers in YAML's core schema, and
// those of older YAML that people still write.
var numeric = regexp.MustCompile(`^[-+]?(0x[0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+|(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?)$`)

// scalar gives what a YAML scalar stands for.
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
		return nil, yamlFail(node, "%s is no boolean", short(node.Value))
	case "!!int", "!!float":
		return number(node)
	case "!!str", "!!timestamp", "!!merge":
		// A number that is out of its range is a string for the YAML library.
		if node.Style == 0 && numeric.MatchString(node.Value) && tag == "!!str" && node.Tag == tag {
			return number(node)
		}
		if !utf8.ValidString(node.Value) {
			return nil, yamlFail(node, "text that is not valid UTF-8")
		}
		return node.Value, nil
	default:
		return nil, yamlFail(node, "tag %s is not known", short(tag))
	}
}

// number gives a YAML number as JSON writes it.
func number(node *yaml.Node) (any, error) {
	text := node.Value
	if len(text) > 4*MaxNumber {
		return nil, yamlFail(node, "a number of %d characters; at most %d are allowed", len(text), MaxNumber)
	}
	if !numeric.MatchString(text) {
		return nil, yamlFail(node, "%s is no number that JSON has; write it in quotes if it is a text", short(text))
	}
	text = strings.ReplaceAll(strings.TrimPrefix(text, "+"), "_", "")
	minus := strings.HasPrefix(text, "-")
	text = strings.TrimPrefix(text, "-")
	switch {
	case len(text) > 1 && text[0] == '0' && strings.ContainsAny(text[1:2], "xob"):
		whole, ok := new(big.Int).SetString(text, 0)
		if !ok {
			return nil, yamlFail(node, "%s is no number", short(node.Value))
		}
		text = whole.String()
	case len(text) > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9':
		return nil, yamlFail(node, "%s begins with 0 and could be octal; leave the 0 out, or write it in quotes if it is a text", short(node.Value))
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
