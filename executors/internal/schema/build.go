package schema

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	v5 "github.com/santhosh-tekuri/jsonschema/v5"
)

// draft is the only dialect that nodes exist for.
const draft = "https://json-schema.org/draft/2020-12/schema"

// builder builds the nodes of a schema. It sets failed at the first keyword
// that it does not know or that has a wrong value. Then v5 compiles the
// schema, and reports what is wrong.
type builder struct {
	root   any
	failed bool
	depth  int
	size   int              // number of schemas, including the targets of each reference
	built  map[string]built // by reference
}

// built is the target of a reference. It has no node while the node is being
// built.
type built struct {
	node *node
	size int
}

// largest is the largest number of schemas that a node may go through.
// References can multiply few schemas; such schemas are left to the explainer,
// which counts its steps.
const largest = 20_000

// build returns the node of a whole schema, nil if there is none.
func build(doc any) *node {
	b := &builder{root: doc, built: map[string]built{}}
	n := b.node(doc)
	if b.failed {
		return nil
	}
	return n
}

func (b *builder) node(doc any) *node {
	b.need(b.size < largest)
	b.size++
	b.depth++
	defer func() { b.depth-- }()
	n := new(node)
	object, ok := doc.(map[string]any)
	if !ok {
		fits, ok := doc.(bool)
		b.need(ok)
		n.never = !fits
		return n
	}
	for keyword, value := range object {
		if b.failed {
			return n
		}
		if read, ok := keywords[keyword]; ok {
			read(b, n, value)
		} else if !b.annotation(keyword, value) {
			b.failed = true
		}
	}
	if n.test == nil {
		n.then, n.other = nil, nil
	}
	return n
}

// need fails if a keyword has a wrong value.
func (b *builder) need(ok bool) {
	if !ok {
		b.failed = true
	}
}

// annotation accepts the keywords that never refuse a value.
func (b *builder) annotation(keyword string, value any) bool {
	ok := true
	switch keyword {
	case "title", "description", "$comment", "contentEncoding", "contentMediaType":
		_, ok = value.(string)
	case "default":
	case "examples":
		_, ok = value.([]any)
	case "deprecated", "readOnly", "writeOnly":
		_, ok = value.(bool)
	case "$schema":
		ok = b.depth == 1 && value == draft
	default:
		return false
	}
	return ok
}

// keywords has a reader for each keyword.
var keywords map[string]func(*builder, *node, any)

func init() {
	keywords = map[string]func(*builder, *node, any){
		"type":   (*builder).types,
		"enum":   (*builder).enum,
		"const":  func(b *builder, n *node, v any) { n.allOf = append(n.allOf, &node{enum: []any{v}}) },
		"format": (*builder).format,
		"$ref":   (*builder).ref,
		"$defs": func(b *builder, _ *node, v any) {
			for _, each := range b.object(v) {
				b.node(each)
			}
		},
		"not":   func(b *builder, n *node, v any) { n.not = b.node(v) },
		"if":    func(b *builder, n *node, v any) { n.test = b.node(v) },
		"then":  func(b *builder, n *node, v any) { n.then = b.node(v) },
		"else":  func(b *builder, n *node, v any) { n.other = b.node(v) },
		"allOf": func(b *builder, n *node, v any) { n.allOf = append(n.allOf, b.nodes(v)...) },
		"anyOf": func(b *builder, n *node, v any) { n.anyOf = b.nodes(v) },
		"oneOf": func(b *builder, n *node, v any) { n.oneOf = b.nodes(v) },

		"properties":           func(b *builder, n *node, v any) { n.objects().properties = b.named(v) },
		"required":             func(b *builder, n *node, v any) { n.objects().required = b.words(v) },
		"additionalProperties": func(b *builder, n *node, v any) { n.objects().additional = b.node(v) },
		"patternProperties":    (*builder).patterns,
		"propertyNames":        func(b *builder, n *node, v any) { n.objects().names = b.node(v) },
		"minProperties":        func(b *builder, n *node, v any) { n.objects().least = b.count(v) },
		"maxProperties":        func(b *builder, n *node, v any) { n.objects().most = b.count(v) },
		"dependentSchemas":     func(b *builder, n *node, v any) { n.objects().dependentSchemas = b.named(v) },
		"dependentRequired": func(b *builder, n *node, v any) {
			needed := map[string][]string{}
			for name, words := range b.object(v) {
				needed[name] = b.words(words)
			}
			n.objects().dependentRequired = needed
		},

		"prefixItems": func(b *builder, n *node, v any) { n.arrays().prefix = b.nodes(v) },
		"items":       func(b *builder, n *node, v any) { n.arrays().items = b.node(v) },
		"minItems":    func(b *builder, n *node, v any) { n.arrays().least = b.count(v) },
		"maxItems":    func(b *builder, n *node, v any) { n.arrays().most = b.count(v) },
		"contains":    func(b *builder, n *node, v any) { n.arrays().contains = b.node(v) },
		"minContains": func(b *builder, n *node, v any) { n.arrays().leastContain = b.count(v) },
		"maxContains": func(b *builder, n *node, v any) { n.arrays().mostFound = b.count(v) },
		"uniqueItems": func(b *builder, n *node, v any) {
			unique, ok := v.(bool)
			b.need(ok)
			n.arrays().unique = unique
		},

		"minLength": func(b *builder, n *node, v any) { n.texts().least = b.count(v) },
		"maxLength": func(b *builder, n *node, v any) { n.texts().most = b.count(v) },
		"pattern": func(b *builder, n *node, v any) {
			text, _ := v.(string)
			form, err := regexp.Compile(text)
			b.need(err == nil)
			n.texts().pattern = form
		},

		"minimum":          func(b *builder, n *node, v any) { n.numbers().least = b.limit(v) },
		"maximum":          func(b *builder, n *node, v any) { n.numbers().most = b.limit(v) },
		"exclusiveMinimum": func(b *builder, n *node, v any) { n.numbers().over = b.limit(v) },
		"exclusiveMaximum": func(b *builder, n *node, v any) { n.numbers().under = b.limit(v) },
		"multipleOf": func(b *builder, n *node, v any) {
			if n.numbers().multiple = b.limit(v); !b.failed {
				b.need(compare(n.number.multiple.text, bound("0")) > 0)
			}
		},
	}
}

func (n *node) objects() *objectRules {
	if n.object == nil {
		n.object = &objectRules{least: -1, most: -1}
	}
	return n.object
}

func (n *node) arrays() *arrayRules {
	if n.array == nil {
		n.array = &arrayRules{least: -1, most: -1, leastContain: 1, mostFound: -1}
	}
	return n.array
}

func (n *node) texts() *textRules {
	if n.text == nil {
		n.text = &textRules{least: -1, most: -1}
	}
	return n.text
}

func (n *node) numbers() *numberRules {
	if n.number == nil {
		n.number = new(numberRules)
	}
	return n.number
}

func (b *builder) object(v any) map[string]any {
	object, ok := v.(map[string]any)
	b.need(ok)
	return object
}

// nodes reads a list of schemas, which must not be empty.
func (b *builder) nodes(v any) []*node {
	list, _ := v.([]any)
	b.need(len(list) > 0)
	nodes := make([]*node, len(list))
	for i, each := range list {
		nodes[i] = b.node(each)
	}
	return nodes
}

func (b *builder) named(v any) map[string]*node {
	object := b.object(v)
	nodes := make(map[string]*node, len(object))
	for name, each := range object {
		nodes[name] = b.node(each)
	}
	return nodes
}

// words reads a list of different strings.
func (b *builder) words(v any) []string {
	list, ok := v.([]any)
	b.need(ok && distinct(list) == Yes)
	words := make([]string, len(list))
	for i, each := range list {
		word, ok := each.(string)
		b.need(ok)
		words[i] = word
	}
	return words
}

// count reads a limit of a size.
func (b *builder) count(v any) int {
	number, _ := v.(json.Number)
	count, err := strconv.Atoi(string(number))
	b.need(err == nil && count >= 0 && isDigits(string(number)))
	return count
}

func (b *builder) limit(v any) *limit {
	number, ok := v.(json.Number)
	if !ok {
		b.failed = true
		return nil
	}
	l := bound(string(number))
	return &l
}

func (b *builder) types(n *node, v any) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	b.need(len(list) > 0 && distinct(list) == Yes)
	for _, each := range list {
		name, _ := each.(string)
		kind, ok := kindNames[name]
		b.need(ok)
		n.kinds |= kind
	}
}

func (b *builder) enum(n *node, v any) {
	list, ok := v.([]any)
	b.need(ok)
	n.enum = list
	n.never = n.never || len(list) == 0 // v5 ignores an empty enum
	words := make([]string, 0, len(n.enum))
	for _, each := range n.enum {
		if word, ok := each.(string); ok {
			words = append(words, word)
		}
	}
	if len(words) == len(list) {
		n.words = words
	}
}

func (b *builder) format(n *node, v any) {
	name, ok := v.(string)
	b.need(ok)
	n.format = v5.Formats[name]
}

func (b *builder) patterns(n *node, v any) {
	for form, each := range b.object(v) {
		compiled, err := regexp.Compile(form)
		b.need(err == nil)
		n.objects().patterns = append(n.objects().patterns, pattern{compiled, b.node(each)})
	}
}

// ref follows a reference inside the schema. It fails if the reference is
// recursive.
func (b *builder) ref(n *node, v any) {
	text, _ := v.(string)
	doc, ok := resolve(b.root, text)
	if !ok {
		b.failed = true
		return
	}
	target, started := b.built[text]
	switch {
	case !started:
		b.built[text] = built{}
		before := b.size
		target.node = b.node(doc)
		target.size = b.size - before
		b.built[text] = target
	case target.node == nil:
		b.failed = true
	default:
		b.size += target.size
		b.need(b.size < largest)
	}
	n.allOf = append(n.allOf, target.node)
}

// plainPointer matches the references that all readers understand in the same
// way.
var plainPointer = regexp.MustCompile(`^#(/[A-Za-z0-9_$.-]+)+$`)

// resolve returns the target of a reference inside a document.
func resolve(root any, ref string) (any, bool) {
	if !plainPointer.MatchString(ref) {
		return nil, false
	}
	for token := range strings.SplitSeq(ref[2:], "/") {
		object, ok := root.(map[string]any)
		if !ok {
			return nil, false
		}
		if root, ok = object[token]; !ok {
			return nil, false
		}
	}
	return root, true
}
