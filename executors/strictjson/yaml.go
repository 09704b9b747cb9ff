package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/chainwright/chainwright/executors/plainjson"
)

// maxAliased is the largest number of values that a document's aliases may
// expand to.
const maxAliased = 10_000

// FromYAML reads one YAML document and returns what Decode returns for the
// same value in JSON, with the same limits. Times are strings. A key that is a
// number becomes its text. A block scalar that is one reference, ${{ … }}, is
// without its line end.
func FromYAML(data []byte) (any, error) {
	value, _, err := FromYAMLPlaces(data)
	return value, err
}

// ParseYAML reads one YAML document as nodes, which have their positions.
// Empty text is null.
func ParseYAML(data []byte) (node *yaml.Node, err error) {
	defer func() {
		if trouble := recover(); trouble != nil {
			node, err = nil, &SyntaxError{Line: 1, Message: fmt.Sprintf("not valid YAML: %v", trouble)}
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: 1}, nil
	case err != nil:
		return nil, yamlError(err)
	}
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
		return first.Content[0], nil
	case err != nil:
		return nil, yamlError(err)
	}
	return nil, &SyntaxError{Line: second.Line, Message: "a second YAML document begins here; only one is allowed"}
}

// yamlError reads the line from an error of the YAML library.
func yamlError(err error) *SyntaxError {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		if number, reason, ok := strings.Cut(rest, ": "); ok {
			if n, err := strconv.Atoi(number); err == nil {
				line, message = n, reason
			}
		}
	}
	return &SyntaxError{Line: line, Message: message}
}

// Value returns the value of a YAML node, as Decode does for JSON.
func Value(node *yaml.Node) (any, error) {
	var walk walker
	return walk.value(node)
}

// AppendJSON appends a YAML node as JSON, with the keys in their order.
func AppendJSON(dst []byte, node *yaml.Node) ([]byte, error) {
	var walk walker
	return walk.append(dst, node)
}

// walker converts the nodes of one document and follows aliases.
type walker struct {
	depth   int
	inside  int // aliases that are being followed
	aliased int
}

func yamlFail(node *yaml.Node, format string, args ...any) error {
	return &SyntaxError{Line: node.Line, Column: node.Column, Message: fmt.Sprintf(format, args...)}
}

// enter follows an alias and steps into a node; leave undoes it.
func (w *walker) enter(node *yaml.Node) (target *yaml.Node, leave func(), err error) {
	target = node
	if node.Kind == yaml.AliasNode {
		target = node.Alias
		w.inside++
	}
	if w.inside > 0 {
		if w.aliased++; w.aliased > maxAliased {
			return nil, nil, yamlFail(node, "aliases expand to more than %d values", maxAliased)
		}
	}
	if target.Kind != yaml.ScalarNode {
		if w.depth++; w.depth > MaxDepth {
			return nil, nil, yamlFail(node, "nested deeper than %d", MaxDepth)
		}
	}
	return target, func() {
		if target.Kind != yaml.ScalarNode {
			w.depth--
		}
		if node.Kind == yaml.AliasNode {
			w.inside--
		}
	}, nil
}

func (w *walker) value(node *yaml.Node) (any, error) {
	node, leave, err := w.enter(node)
	if err != nil {
		return nil, err
	}
	defer leave()
	switch node.Kind {
	case yaml.SequenceNode:
		list := make([]any, len(node.Content))
		for i, element := range node.Content {
			if list[i], err = w.value(element); err != nil {
				return nil, err
			}
		}
		return list, checkTag(node, "!!seq")
	case yaml.MappingNode:
		members, err := w.members(node)
		if err != nil {
			return nil, err
		}
		object := make(map[string]any, len(members))
		for _, member := range members {
			if object[member.key], err = w.value(member.value); err != nil {
				return nil, err
			}
		}
		return object, nil
	}
	return scalar(node)
}

func (w *walker) append(dst []byte, node *yaml.Node) ([]byte, error) {
	node, leave, err := w.enter(node)
	if err != nil {
		return nil, err
	}
	defer leave()
	switch node.Kind {
	case yaml.SequenceNode:
		dst = append(dst, '[')
		for i, element := range node.Content {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = w.append(dst, element); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), checkTag(node, "!!seq")
	case yaml.MappingNode:
		members, err := w.members(node)
		if err != nil {
			return nil, err
		}
		dst = append(dst, '{')
		for i, member := range members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(plainjson.AppendString(dst, member.key), ':')
			if dst, err = w.append(dst, member.value); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	}
	value, err := scalar(node)
	if err != nil {
		return nil, err
	}
	switch value := value.(type) {
	case string:
		return plainjson.AppendString(dst, value), nil
	case json.Number:
		return append(dst, value...), nil
	case bool:
		return strconv.AppendBool(dst, value), nil
	}
	return append(dst, "null"...), nil
}

type member struct {
	key   string
	value *yaml.Node
}

// members returns the members of a mapping in order. A merge key (<<) adds
// members that the mapping does not have itself.
func (w *walker) members(node *yaml.Node) ([]member, error) {
	if err := checkTag(node, "!!map"); err != nil {
		return nil, err
	}
	list := make([]member, 0, len(node.Content)/2)
	lines := make(map[string]int, len(node.Content)/2)
	var merged []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
			merged = append(merged, value)
			continue
		}
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			return nil, yamlFail(node.Content[i], "a key must be a string")
		}
		if line, ok := lines[key.Value]; ok {
			return nil, yamlFail(node.Content[i], "key %s appears twice; first on line %d", short(key.Value), line)
		}
		lines[key.Value] = key.Line
		list = append(list, member{key.Value, value})
	}
	for _, source := range merged {
		added, err := w.merge(source, true)
		if err != nil {
			return nil, err
		}
		for _, each := range added {
			if _, ok := lines[each.key]; !ok {
				lines[each.key] = source.Line
				list = append(list, each)
			}
		}
	}
	return list, nil
}

// merge returns the members of a merge key: those of a mapping, or of a list
// of mappings, of which earlier ones have priority.
func (w *walker) merge(source *yaml.Node, lists bool) ([]member, error) {
	target, leave, err := w.enter(source)
	if err != nil {
		return nil, err
	}
	defer leave()
	switch {
	case target.Kind == yaml.MappingNode:
		list, err := w.members(target)
		if w.aliased += len(list); err == nil && w.aliased > maxAliased {
			return nil, yamlFail(source, "aliases expand to more than %d values", maxAliased)
		}
		return list, err
	case target.Kind == yaml.SequenceNode && lists:
		var list []member
		for _, element := range target.Content {
			added, err := w.merge(element, false)
			if err != nil {
				return nil, err
			}
			list = append(list, added...)
		}
		return list, nil
	}
	return nil, yamlFail(source, "<< needs a mapping, or a list of mappings")
}

func checkTag(node *yaml.Node, want string) error {
	if tag := node.ShortTag(); tag != want {
		return yamlFail(node, "tag %s is not supported", short(tag))
	}
	return nil
}
