package postgres

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/chainwright/chainwright/executors/sql/backend"
)

// types knows the names of the server's own types, and which are arrays.
var types = sync.OnceValue(pgtype.NewMap)

// typeName is the name of a type of the server's own; empty for others.
func typeName(oid uint32) string {
	if t, ok := types().TypeForOID(oid); ok {
		return strings.TrimPrefix(t.Name, "_") + strings.Repeat("[]", strings.Count(t.Name[:1], "_"))
	}
	return ""
}

func elementType(oid uint32) (uint32, bool) {
	t, ok := types().TypeForOID(oid)
	if !ok {
		return 0, false
	}
	codec, ok := t.Codec.(*pgtype.ArrayCodec)
	if !ok {
		return 0, false
	}
	return codec.ElementType.OID, true
}

// nameTypes asks the server for the names of types that it was taught
// (enumerations, domains, extensions).
func (s *session) nameTypes(ctx context.Context, columns []backend.Column, fields []pgconn.FieldDescription) error {
	var oids []string
	for i, c := range columns {
		if c.Type == "" {
			oids = append(oids, strconv.FormatUint(uint64(fields[i].DataTypeOID), 10))
		}
	}
	if len(oids) == 0 || s.conn.TxStatus() == 'E' {
		return nil
	}
	const query = "SELECT oid, pg_catalog.format_type(oid, NULL) FROM pg_catalog.pg_type WHERE oid = ANY($1::pg_catalog.oid[])"
	list := []byte("{" + strings.Join(oids, ",") + "}")
	found := s.conn.ExecParams(ctx, query, [][]byte{list}, nil, nil, nil).Read()
	if found.Err != nil {
		return found.Err
	}
	for _, row := range found.Rows {
		for i, f := range fields {
			if columns[i].Type == "" && strconv.FormatUint(uint64(f.DataTypeOID), 10) == string(row[0]) {
				columns[i].Type = string(row[1])
			}
		}
	}
	return nil
}

// appendValue appends a value, which the server wrote as text, as JSON.
func appendValue(to []byte, v []byte, oid uint32) []byte {
	if v == nil {
		return append(to, "null"...)
	}
	text := string(v)
	switch oid {
	case pgtype.BoolOID:
		return strconv.AppendBool(to, text == "t")
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID, pgtype.NumericOID, pgtype.Float4OID, pgtype.Float8OID:
		return backend.AppendNumber(to, text)
	case pgtype.JSONOID, pgtype.JSONBOID:
		return backend.AppendJSON(to, v)
	case pgtype.ByteaOID:
		if b, err := hex.DecodeString(strings.TrimPrefix(text, `\x`)); err == nil {
			return backend.AppendBytes(to, b)
		}
	case pgtype.TimestampOID, pgtype.TimestamptzOID:
		return backend.AppendTimestamp(to, text)
	}
	if element, ok := elementType(oid); ok {
		if appended, ok := appendArray(to, text, element); ok {
			return appended
		}
	}
	return backend.AppendString(to, text)
}

// appendArray appends an array, which the server writes as {1,NULL,"a b"}, with
// its bounds in front where they don't start at 1.
func appendArray(to []byte, text string, element uint32) ([]byte, bool) {
	if strings.HasPrefix(text, "[") {
		_, text, _ = strings.Cut(text, "=")
	}
	p := arrayParser{text: text, element: element, out: to}
	ok := p.array(0)
	return p.out, ok && p.text == ""
}

type arrayParser struct {
	text    string
	element uint32
	out     []byte
}

// maxDimensions is the server's own bound.
const maxDimensions = 6

func (p *arrayParser) array(depth int) bool {
	if !p.take('{') || depth > maxDimensions {
		return false
	}
	p.out = append(p.out, '[')
	for first := true; !p.take('}'); first = false {
		if !first {
			if !p.take(',') {
				return false
			}
			p.out = append(p.out, ',')
		}
		if !p.value(depth) {
			return false
		}
	}
	p.out = append(p.out, ']')
	return true
}

func (p *arrayParser) take(c byte) bool {
	if p.text == "" || p.text[0] != c {
		return false
	}
	p.text = p.text[1:]
	return true
}

func (p *arrayParser) value(depth int) bool {
	switch {
	case p.text == "":
		return false
	case p.text[0] == '{':
		return p.array(depth + 1)
	case p.take('"'):
		var v []byte
		for !p.take('"') {
			p.take('\\')
			if p.text == "" {
				return false
			}
			v = append(v, p.text[0])
			p.text = p.text[1:]
		}
		if v == nil {
			v = []byte{}
		}
		p.out = appendValue(p.out, v, p.element)
		return true
	}
	end := strings.IndexAny(p.text, ",}")
	if end <= 0 {
		return false
	}
	v := p.text[:end]
	p.text = p.text[end:]
	if v == "NULL" {
		p.out = append(p.out, "null"...)
	} else {
		p.out = appendValue(p.out, []byte(v), p.element)
	}
	return true
}
