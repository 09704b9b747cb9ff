package typing

import (
	"strings"

	"github.com/itchyny/gojq"
)

// kindsOf are the kinds of what builtins return that always return the same.
var kindsOf = map[string]Kinds{
	"length": Number, "utf8bytelength": Number, "tonumber": Number, "floor": Number, "ceil": Number, "round": Number, "sqrt": Number,
	"pow": Number, "now": Number, "mktime": Number, "fromdate": Number, "fromdateiso8601": Number, "range": Number,
	"tostring": String, "tojson": String, "type": String, "join": String, "implode": String, "sub": String, "gsub": String,
	"ascii_downcase": String, "ascii_upcase": String, "trim": String, "ltrim": String, "rtrim": String,
	"todate": String, "todateiso8601": String, "strftime": String, "strflocaltime": String,
	"not": Bool, "has": Bool, "in": Bool, "contains": Bool, "inside": Bool, "test": Bool, "startswith": Bool, "endswith": Bool,
	"any": Bool, "all": Bool, "isempty": Bool, "IN": Bool, "toboolean": Bool,
	"index": Number | Null, "rindex": Number | Null, "indices": Array | Null,
	"split": Array, "explode": Array, "keys": Array, "capture": Object,
}

// overElements are the functions whose argument gets the elements of the input.
var overElements = map[string]bool{
	"map": true, "sort_by": true, "group_by": true, "unique_by": true, "min_by": true, "max_by": true, "map_values": true,
}

// kept are the functions that let through values of some kinds only.
var kept = map[string]Kinds{
	"nulls": Null, "booleans": Bool, "numbers": Number, "strings": String, "arrays": Array, "objects": Object,
	"iterables": Array | Object, "scalars": every &^ (Array | Object), "values": every &^ Null,
	"empty": 0, "error": 0, "halt": 0, "halt_error": 0,
}

// one are the functions without arguments that have one output whatever the kind
// of their input is, or fail.
var one = map[string]bool{
	"tasks": true, "inputs": true, "item": true, "index": true, "run": true,
	"length": true, "utf8bytelength": true, "tonumber": true, "floor": true, "ceil": true, "round": true, "sqrt": true, "abs": true,
	"tostring": true, "tojson": true, "fromjson": true, "type": true, "implode": true, "explode": true,
	"ascii_downcase": true, "ascii_upcase": true, "trim": true, "ltrim": true, "rtrim": true, "not": true, "any": true, "all": true,
	"keys": true, "add": true, "sort": true, "unique": true, "reverse": true, "min": true, "max": true, "first": true, "last": true,
	"flatten": true, "to_entries": true, "from_entries": true, "transpose": true, "now": true, "todate": true, "fromdate": true,
}

// call types the call of a function.
func (c *checker) call(f *gojq.Func, p place) *Type {
	switch args := f.Args; {
	case strings.HasPrefix(f.Name, "$"):
		return p.variable(f.Name)
	case p.defines(f.Name, len(args)):
		return c.unknownCall(args, p)
	case len(args) == 0:
		switch f.Name {
		case "tasks", "inputs", "item", "index", "run":
			return c.root(f.Name, p)
		}
		return c.builtin(f.Name, p)
	case len(args) == 1:
		return c.builtinOf(f.Name, args[0], p)
	case f.Name == "limit" && len(args) == 2:
		c.query(args[0], p)
		return c.query(args[1], p.maybe())
	}
	c.unknownCall(f.Args, p)
	return fixed(f.Name)
}

// unknownCall looks at arguments of which the input is not known.
func (c *checker) unknownCall(args []*gojq.Query, p place) *Type {
	for _, arg := range args {
		c.query(arg, p.maybe().with(Any))
	}
	return Any
}

// fixed returns the type of what a builtin returns whatever its input is.
func fixed(name string) *Type {
	switch name {
	case "split":
		return ArrayOf(Of(String))
	case "explode":
		return ArrayOf(Of(Number))
	}
	if kinds, ok := kindsOf[name]; ok {
		return Of(kinds)
	}
	return Any
}

// builtin types a builtin without arguments.
func (c *checker) builtin(name string, p place) *Type {
	in := p.in
	if kinds, ok := kept[name]; ok {
		return in.only(in.kinds & kinds)
	}
	switch name {
	case "first", "last":
		return c.element(in, p)
	case "sort", "unique":
		return sorted(in)
	case "reverse":
		out := in.only(in.kinds &^ Null)
		if in.kinds&Null != 0 {
			out = c.union(out, ArrayOf(never))
		}
		return out
	case "min", "max":
		if in.kinds&Array == 0 {
			return Any
		}
		return in.Items().OrNull()
	case "add":
		return sumOf(in)
	case "to_entries":
		return ArrayOf(c.entry(in))
	}
	return fixed(name)
}

// sorted returns the type of an array with the same elements.
func sorted(in *Type) *Type {
	if in.kinds&Array == 0 {
		return Any
	}
	return &Type{kinds: Array, items: in.items, soft: in.soft}
}

// sumOf returns the type of the sum of the elements.
func sumOf(in *Type) *Type {
	items := in.Items()
	if in.kinds&^Null != Array {
		return Any
	}
	switch kinds := items.kinds &^ Null; kinds {
	case 0:
		return Of(Null)
	case Number, String:
		return Of(kinds | Null)
	case Array:
		return &Type{kinds: Array | Null, items: items.items, soft: items.soft}
	}
	return Any
}

// entry returns the type of the elements of to_entries.
func (c *checker) entry(in *Type) *Type {
	value := Any
	if in.kinds&(Array|Object) == Object {
		value = in.values(&c.left)
	}
	return ObjectOf("an entry", map[string]*Type{"key": Any, "value": value})
}

// builtinOf types a builtin with one argument.
func (c *checker) builtinOf(name string, arg *gojq.Query, p place) *Type {
	in := p.in
	switch name {
	case "select":
		c.query(arg, p)
		return in
	case "first", "last":
		return c.query(arg, p.maybe())
	case "ltrimstr", "rtrimstr", "trimstr":
		c.unknownCall([]*gojq.Query{arg}, p)
		return in
	case "with_entries":
		inner := p.with(c.entry(in))
		inner.sure = false
		c.query(arg, inner)
		return Any
	case "any", "all":
		c.elements(arg, p)
		return Of(Bool)
	}
	if !overElements[name] {
		c.unknownCall([]*gojq.Query{arg}, p)
		return fixed(name)
	}
	out := c.elements(arg, p)
	switch name {
	case "map":
		return ArrayOf(out)
	case "sort_by", "unique_by":
		return sorted(in)
	case "group_by":
		return ArrayOf(sorted(in))
	case "min_by", "max_by":
		if in.kinds&Array != 0 {
			return in.Items().OrNull()
		}
	}
	return Any
}

// elements types a query that gets each element of the input.
func (c *checker) elements(q *gojq.Query, p place) *Type {
	inner := p.with(c.each(p.in, p))
	inner.sure = false
	return c.query(q, inner)
}
