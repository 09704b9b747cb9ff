package postgres

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// builtin holds the types that every server has.
var builtin = sync.OnceValue(pgtype.NewMap)

// catalog describes types that are not built in, by OID: enumerations, domains,
// composites, types of extensions, and arrays of them.
type catalog map[uint32]ownType

type ownType struct {
	name    string
	base    uint32 // of a domain
	element uint32 // of an array
	comma   byte   // between the elements of an array
}

// name returns the name of a type.
func (c catalog) name(oid uint32) string {
	if t, ok := builtin().TypeForOID(oid); ok {
		return strings.TrimPrefix(t.Name, "_") + strings.Repeat("[]", strings.Count(t.Name[:1], "_"))
	}
	return c[oid].name
}

// base returns the type of a domain's values; for others the type itself.
func (c catalog) base(oid uint32) uint32 {
	for c[oid].base != 0 {
		oid = c[oid].base
	}
	return oid
}

// array returns the element type of an array type, and the character between
// elements.
func (c catalog) array(oid uint32) (element uint32, comma byte, ok bool) {
	if own, known := c[oid]; known {
		return own.element, own.comma, own.element != 0
	}
	t, ok := builtin().TypeForOID(oid)
	if !ok {
		return 0, 0, false
	}
	codec, ok := t.Codec.(*pgtype.ArrayCodec)
	if !ok {
		return 0, 0, false
	}
	if codec.ElementType.OID == pgtype.BoxOID {
		return pgtype.BoxOID, ';', true
	}
	return codec.ElementType.OID, ',', true
}

// describe returns the types of a statement that are not built in, with the
// types that they consist of. It asks the server only if there are such types;
// the unnamed prepared statement is then gone.
func (s *session) describe(ctx context.Context, statement *pgconn.StatementDescription) (catalog, error) {
	var oids []string
	add := func(oid uint32) {
		if _, ok := builtin().TypeForOID(oid); !ok {
			oids = append(oids, strconv.FormatUint(uint64(oid), 10))
		}
	}
	for _, f := range statement.Fields {
		add(f.DataTypeOID)
	}
	for _, oid := range statement.ParamOIDs {
		add(oid)
	}
	if len(oids) == 0 {
		return nil, nil
	}
	const query = `WITH RECURSIVE own (oid) AS (
			SELECT pg_catalog.unnest($1::pg_catalog.oid[])
			UNION SELECT CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END FROM own JOIN pg_catalog.pg_type t ON t.oid = own.oid)
		SELECT t.oid, pg_catalog.format_type(t.oid, NULL), t.typbasetype, coalesce(e.oid, 0), coalesce(e.typdelim, ',')
		FROM own JOIN pg_catalog.pg_type t ON t.oid = own.oid LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid`
	found := s.conn.ExecParams(ctx, query, [][]byte{[]byte("{" + strings.Join(oids, ",") + "}")}, nil, nil, nil).Read()
	if found.Err != nil {
		return nil, found.Err
	}
	c := catalog{}
	for _, row := range found.Rows {
		oid := number(row[0])
		if _, ok := builtin().TypeForOID(oid); !ok {
			c[oid] = ownType{string(row[1]), number(row[2]), number(row[3]), row[4][0]}
		}
	}
	return c, nil
}

func number(text []byte) uint32 {
	n, _ := strconv.ParseUint(string(text), 10, 32) // the server's OIDs
	return uint32(n)
}
