package backend

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors/plainjson"
)

// maxValues is the most placeholders of a query after arrays were spread.
const maxValues = 32766

// Bound is a query with the database's own placeholders.
type Bound struct {
	Query  string
	Values []any    // in the order of the placeholders
	Fields []string // the input that each value came from, for messages
}

// Bind replaces a request's placeholders by the database's own. Every value must
// be used, and every placeholder must have a value
// (in PostgreSQL, the server checks the number of $1, $2).
//
// An array inside IN (…) becomes one placeholder for each element. SQLite and
// MySQL do not tell the types of parameters, so there Bind also converts: the
// object {"base64": …} becomes []byte; other arrays and objects become JSON
// text where JSON is stored or read (VALUES, SET, functions whose name begins
// with json), and are refused elsewhere.
func Bind(request Request, dialect Dialect) (Bound, error) {
	b := binder{request: request, dialect: dialect, slots: map[string]int{}}
	pieces := Split(request.Query, dialect)
	marks, err := b.check(pieces)
	if err != nil {
		return Bound{}, err
	}
	done := 0
	for _, m := range marks {
		b.copy(pieces[done:m.from])
		done = m.to
		if err := b.add(m); err != nil {
			return Bound{}, err
		}
	}
	b.copy(pieces[done:])
	switch {
	case len(b.values) > maxValues:
		return Bound{}, Invalid("params", "the query has %d values; at most %d are possible", len(b.values), maxValues).
			WithHint("store the values in a table and join it, or give them as one JSON text")
	case b.rewrite || dialect == MySQL:
		return Bound{b.out.String(), b.values, b.fields}, nil
	}
	own := Bound{Query: request.Query, Values: b.own}
	for i := range b.own {
		own.Fields = append(own.Fields, fmt.Sprintf("params[%d]", i))
	}
	return own, nil
}

type binder struct {
	request Request
	dialect Dialect
	// rewrite is whether the placeholders change. Otherwise own has the values.
	rewrite bool
	own     []any
	out     strings.Builder
	values  []any
	fields  []string
	slots   map[string]int // the number of a value, by its source
}

// check finds the placeholders, and checks that they and the values belong
// together.
func (b *binder) check(pieces []Piece) ([]mark, error) {
	marks, numbers := marksOf(pieces, b.dialect, b.request.Named != nil)
	if b.request.Named != nil {
		b.rewrite = true
		return marks, b.checkNames(marks, numbers)
	}
	b.own = slices.Clone(b.request.Values)
	if numbers > len(b.own) || numbers < len(b.own) && b.dialect != PostgreSQL {
		return nil, Unbound(numbers, len(b.own))
	}
	used := make([]bool, len(b.own))
	for _, m := range marks {
		used[m.index] = true
		_, isList := b.own[m.index].([]any)
		b.rewrite = b.rewrite || isList && m.use == asElement || b.dialect == SQLite && m.text != "?"
	}
	if i := slices.Index(used, false); i >= 0 && b.rewrite {
		return nil, Invalid(fmt.Sprintf("params[%d]", i), "is not used")
	}
	return marks, nil
}

func (b *binder) checkNames(marks []mark, numbers int) error {
	if numbers > 0 {
		return Invalid("params", "is an object, and the query has placeholders without a name").
			WithHint("use :name everywhere, or give an array")
	}
	used := map[string]bool{}
	for _, m := range marks {
		used[m.name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(b.request.Named)) {
		if !used[name] {
			return Invalid("params."+name, "is not used: the query has no :%s", name)
		}
	}
	for _, m := range marks {
		if _, ok := b.request.Named[m.name]; !ok {
			return Invalid("params."+m.name, "is required: the query has :%s", m.name)
		}
	}
	return nil
}

func (b *binder) copy(pieces []Piece) {
	for _, p := range pieces {
		b.out.WriteString(p.Text)
	}
}

// add appends the placeholders of a value.
func (b *binder) add(m mark) error {
	source, field, value := m.name, "params."+m.name, b.request.Named[m.name]
	if b.request.Named == nil {
		source, field, value = strconv.Itoa(m.index), fmt.Sprintf("params[%d]", m.index), b.request.Values[m.index]
	}
	list, isList := value.([]any)
	if m.use != asElement || !isList {
		converted, err := b.one(m.use, source, field, value)
		if err == nil && b.request.Named == nil {
			b.own[m.index] = converted
		}
		return err
	}
	if len(list) == 0 {
		return Invalid(field, "is an empty array, and IN needs at least one value").WithHint("leave the condition out if there are no values")
	}
	for i, each := range list {
		if i > 0 {
			b.out.WriteString(", ")
		}
		if _, err := b.one(asElement, source+"/"+strconv.Itoa(i), fmt.Sprintf("%s[%d]", field, i), each); err != nil {
			return err
		}
	}
	return nil
}

// one appends the placeholder of one value, and returns the value for it.
func (b *binder) one(use use, source, field string, value any) (any, error) {
	if b.dialect != PostgreSQL {
		converted, err := convert(value, use)
		if err != nil {
			return nil, Invalid(field, "%v", err).
				WithHint("put the placeholder into IN (…) to compare with each element, or give JSON as a text")
		}
		value = converted
	}
	if b.dialect == MySQL {
		placeholder, value := number(value)
		b.out.WriteString(placeholder)
		b.values, b.fields = append(b.values, value), append(b.fields, field)
		return value, nil
	}
	slot, ok := b.slots[source]
	if !ok {
		b.values, b.fields = append(b.values, value), append(b.fields, field)
		slot = len(b.values)
		b.slots[source] = slot
	}
	sign := "?"
	if b.dialect == PostgreSQL {
		sign = "$"
	}
	b.out.WriteString(sign + strconv.Itoa(slot))
	return value, nil
}

// convert returns bytes as []byte, and other arrays and objects as JSON text if
// the query stores or reads JSON there.
func convert(v any, use use) (any, error) {
	kind := "an array"
	switch v := v.(type) {
	case []any:
	case map[string]any:
		kind = "an object"
		if b, ok, err := ParseBytes(v); ok || err != nil {
			return b, err
		}
	default:
		return v, nil
	}
	if use != asJSON {
		return nil, fmt.Errorf("is %s, and the query takes one value there", kind)
	}
	raw, err := plainjson.Marshal(v)
	return string(raw), err
}

// number returns MySQL's placeholder for a value, and the value for the driver.
// A decimal is sent as a text; without the cast, MySQL would compare it as an
// inexact number.
func number(v any) (placeholder string, value any) {
	n, ok := v.(json.Number)
	if !ok {
		return "?", v
	}
	text := string(n)
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return "?", i
	}
	if u, err := strconv.ParseUint(text, 10, 64); err == nil {
		return "?", u
	}
	if strings.ContainsAny(text, "eE") {
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return "?", f
		}
		return "?", text
	}
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	if digits := len(whole) + len(fraction); digits <= 65 && len(fraction) <= 30 {
		return fmt.Sprintf("cast(? as decimal(%d,%d))", digits, len(fraction)), text
	}
	return "?", text
}
