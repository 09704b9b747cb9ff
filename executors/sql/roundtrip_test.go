package sql_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// kept is a type with a value. What db_query returns for the value is given back
// as a parameter, and must be the same.
type kept struct {
	kind, literal string
	want          string // as JSON; empty for any
	// inexact is whether = can't find the value: the type has no =, or rounds.
	inexact bool
}

// roundTrips stores the values in columns v, and what was read from them in w.
// same is a condition on v and w.
func roundTrips(t *testing.T, c *client, connection, same string, list []kept) {
	t.Helper()
	check := must(t)
	var columns, literals []string
	for i, each := range list {
		columns = append(columns, fmt.Sprintf("v%d %s, w%d %s", i, each.kind, i, each.kind))
		literals = append(literals, each.literal, "null")
	}
	check(c.write(t, connection, "create table kept ("+strings.Join(columns, ", ")+")", nil))
	check(c.write(t, connection, "insert into kept values ("+strings.Join(literals, ", ")+")", nil))
	for i, each := range list {
		read := func(column string) json.RawMessage {
			var row map[string]json.RawMessage
			a := check(c.write(t, connection, fmt.Sprintf("select %s%d as v from kept", column, i), nil))
			if err := json.Unmarshal(a.Rows[0], &row); err != nil {
				t.Fatal(err)
			}
			return row["v"]
		}
		numbered := func(query string) string {
			return strings.NewReplacer("@v", fmt.Sprintf("v%d", i), "@w", fmt.Sprintf("w%d", i)).Replace(query)
		}
		name := each.kind + " " + each.literal
		v := read("v")
		if each.want != "" && string(v) != each.want {
			t.Errorf("%s gave %s; want %s", name, v, each.want)
		}
		if _, err := c.write(t, connection, numbered("update kept set @w = :v"), map[string]any{"v": v}); err != nil {
			t.Errorf("%s: storing %s: %+v", name, v, failure(t, err))
			continue
		}
		if w := read("w"); string(w) != string(v) {
			t.Errorf("%s: %s came back as %s", name, v, w)
		}
		if a := check(c.write(t, connection, numbered("select count(*) as n from kept where "+same), nil)); rows(a) != `[{"n":1}]` {
			t.Errorf("%s: %s is not the same", name, v)
		}
		if each.inexact {
			continue
		}
		for query, param := range map[string]any{"@v = :p": v, "@v in (:p)": []any{v, nil, v}, "@v between :p and :p": v} {
			a, err := c.write(t, connection, numbered("select count(*) as n from kept where "+query), map[string]any{"p": param})
			if err != nil {
				t.Errorf("%s: %s: %s: %+v", name, query, v, failure(t, err))
			} else if rows(a) != `[{"n":1}]` {
				t.Errorf("%s: %s does not find %s", name, query, v)
			}
		}
	}
	check(c.write(t, connection, "drop table kept", nil))
}

func TestSQLiteRoundTrips(t *testing.T) {
	t.Parallel()
	c, _ := sqliteClient(t)
	roundTrips(t, c, "orders", "@v is @w and typeof(@v) = typeof(@w)", []kept{
		{"blob", "x'00ff'", `{"base64":"AP8="}`, false},
		{"blob", "x''", `{"base64":""}`, false},
		{"blob", "'AP8='", `"AP8="`, false},
		{"", "x'41'", `{"base64":"QQ=="}`, false},
		{"text", "x'41'", `{"base64":"QQ=="}`, false},
		{"text", "'AP8='", `"AP8="`, false},
		{"text", "'2024-01-01 10:00:00'", `"2024-01-01 10:00:00"`, false},
		{"text", "'18446744073709551616'", `"18446744073709551616"`, false},
		{"text", `'{"base64":"AP8="}'`, `"{\"base64\":\"AP8=\"}"`, false},
		{"text", "'ä' || char(0) || 'b'", `"ä\u0000b"`, false},
		{"datetime", "'2024-01-01 10:00:00'", `"2024-01-01 10:00:00"`, false},
		{"datetime", "'2024-01-01T10:00:00.120+02:00'", `"2024-01-01T10:00:00.120+02:00"`, false},
		{"DATETIME", "'2024-01-01'", `"2024-01-01"`, false},
		{"datetime", "'someday'", `"someday"`, false},
		{"datetime", "1704103200", `1704103200`, false},
		{"timestamp", "'2024-01-01 10:00'", `"2024-01-01 10:00"`, false},
		{"timestamp", "'2024-01-01 10:00:00Z'", `"2024-01-01 10:00:00Z"`, false},
		{"date", "'2024-01-01'", `"2024-01-01"`, false},
		{"date", "'2024-01-01 10:00:00'", `"2024-01-01 10:00:00"`, false},
		{"date", "2460310.5", ``, false},
		{"time", "'10:00:00'", `"10:00:00"`, false},
		{"datetime(3)", "'2024-01-01 10:00:00.000'", `"2024-01-01 10:00:00.000"`, false},
		{"integer", "9223372036854775807", `9223372036854775807`, false},
		{"integer", "-9223372036854775808", `-9223372036854775808`, false},
		{"real", "3", `3.0`, false},
		{"real", "0.1", `0.1`, false},
		{"real", "1e300", `1e+300`, false},
		{"real", "1234567890123456789", ``, false},
		{"decimal(10,2)", "12.50", `12.5`, false},
		{"decimal(10,2)", "'12.50x'", `"12.50x"`, false},
		{"boolean", "1", `true`, false},
		{"boolean", "0", `false`, false},
		{"boolean", "2", `2`, false},
		{"json", `'{"a":[],"b":1.10}'`, `{"a":[],"b":1.10}`, true}, // = compares the text
		{"json", `'[1,"a"]'`, `[1,"a"]`, true},
		{"json", `'"a"'`, `"\"a\""`, false},
		{"json", "'null'", `"null"`, false},
		{"json", "'no json'", `"no json"`, false},
		{"json", `'{"base64": "AP8="}'`, `"{\"base64\": \"AP8=\"}"`, false},
		{"text", "null", `null`, true},
	})
}

func postgresRoundTrips(t *testing.T, c *client) {
	for _, each := range []string{
		"create domain positive as int check (value > 0)", "create domain raw as bytea", "create domain doc as jsonb", "create domain moods as mood[]",
		"create type pair as (a int, b text)", "create type span as range (subtype = timestamp)",
	} {
		must(t)(c.write(t, "super", each, nil))
	}
	roundTrips(t, c, "super", "@v::text is not distinct from @w::text", []kept{
		{"bool", "true", `true`, false},
		{"int2", "-32768", `-32768`, false},
		{"int8", "9223372036854775807", `9223372036854775807`, false},
		{"numeric", "12345678901234567890.1234567890", `12345678901234567890.1234567890`, false},
		{"numeric", "repeat('9', 101)::numeric", `"` + strings.Repeat("9", 101) + `"`, false},
		{"numeric", "'NaN'", `"NaN"`, false},
		{"numeric", "'-Infinity'", `"-Infinity"`, false},
		{"float4", "0.1", `0.1`, false},
		{"float8", "0.1::float8 + 0.2::float8", `0.30000000000000004`, false},
		{"float8", "'NaN'", `"NaN"`, false},
		{"float8", "'Infinity'", `"Infinity"`, false},
		{"money", "12.5", ``, false},
		{"text", "'AP8='", `"AP8="`, false},
		{"char(3)", "'a'", `"a  "`, false},
		{"bytea", `'\x00ff'`, `{"base64":"AP8="}`, false},
		{"bytea", "''", `{"base64":""}`, false},
		{"bit(3)", "b'101'", `"101"`, false},
		{"varbit", "b'1'", `"1"`, false},
		{"date", "'2026-01-02'", `"2026-01-02"`, false},
		{"date", "'infinity'", `"infinity"`, false},
		{"time", "'03:04:05.6'", `"03:04:05.6"`, false},
		{"timetz", "'03:04:05+05:30'", `"03:04:05+05:30"`, false},
		{"timestamp", "'2026-01-02 03:04:05.678'", `"2026-01-02T03:04:05.678"`, false},
		{"timestamp", "'0044-03-15 00:00:00 BC'", `"0044-03-15 00:00:00 BC"`, false},
		{"timestamptz", "'2026-01-02 03:04:05+02'", ``, false},
		{"timestamptz", "'-infinity'", `"-infinity"`, false},
		{"interval", "'-1 year 2 days -03:04:05.6'", `"P-1Y2DT-3H-4M-5.6S"`, false},
		{"jsonb", `'{"b": 1.10, "a": [null, {}]}'`, ``, false},
		{"jsonb", `'[[1], 2]'`, `[[1],2]`, false},
		{"jsonb", `'"plain"'`, `"plain"`, false},
		{"jsonb", `'"{\"a\": 1}"'`, `"\"{\\\"a\\\": 1}\""`, false},
		{"jsonb", `'"\"quoted\""'`, ``, false},
		{"jsonb", "'1.10'", `1.10`, false},
		{"jsonb", "'true'", `true`, false},
		{"json", `'{"a":1,"a":2}'`, `"{\"a\":1,\"a\":2}"`, true},
		{"xml", "'<a>1</a>'", ``, true},
		{"uuid", "'00000000-0000-0000-0000-000000000001'", ``, false},
		{"inet", "'127.0.0.1/8'", `"127.0.0.1/8"`, false},
		{"macaddr", "'08:00:2b:01:02:03'", ``, false},
		{"tsvector", "'a:1 b:2'", ``, false},
		{"point", "'(1,2)'", `"(1,2)"`, true},
		{"int4range", "'[1,5)'", `"[1,5)"`, false},
		{"span", "'[2026-01-01 00:00, 2026-01-02 00:00)'", ``, false},
		{"mood", "'wild'", `"wild"`, false},
		{"positive", "7", `7`, false},
		{"raw", `'\x00ff'`, `{"base64":"AP8="}`, false},
		{"doc", `'{"a": 1}'`, `{"a":1}`, false},
		{"pair", `row(1, 'a "b", c')`, `"(1,\"a \"\"b\"\", c\")"`, true},
		{"int[]", "array[[1,null],[3,4]]", `[[1,null],[3,4]]`, false},
		{"text[]", `array['a"b','c,d','{}','NULL',null,'','\']`, ``, false},
		{"text[]", "'{}'", `[]`, false},
		{"bytea[]", `array['\x00ff'::bytea, null]`, `[{"base64":"AP8="},null]`, false},
		{"numeric[]", "array['NaN'::numeric, 1.10]", `["NaN",1.10]`, false},
		{"bool[]", "array[true,false]", `[true,false]`, false},
		{"timestamp[]", "array['2026-01-02 03:04:05'::timestamp]", `["2026-01-02T03:04:05"]`, false},
		{"jsonb[]", `array['[1]'::jsonb, '{"a": 1}', '"s"', '"[]"']`, `[[1],{"a":1},"s","\"[]\""]`, false},
		{"jsonb[]", `array[array['1'::jsonb], array['2'::jsonb]]`, `"{{1},{2}}"`, false},
		{"box[]", "'{(1,1),(0,0);(3,3),(2,2)}'", `["(1,1),(0,0)","(3,3),(2,2)"]`, true},
		{"mood[]", "array['wild', null, 'calm']::mood[]", `["wild",null,"calm"]`, false},
		{"mood[]", "array[array['wild'], array['calm']]::mood[]", `[["wild"],["calm"]]`, false},
		{"positive[]", "array[1, 2]", `[1,2]`, false},
		{"raw[]", `array['\x00ff'::bytea]`, `[{"base64":"AP8="}]`, false},
		{"doc[]", `array['[1]'::jsonb]`, `[[1]]`, false},
		{"moods", "array['wild', 'calm']::mood[]", `["wild","calm"]`, false},
		{"moods[]", "array[array['wild']::mood[]::moods]", `[["wild"]]`, false},
		{"pair[]", "array[row(1, 'a')::pair]", `["(1,a)"]`, false},
		{"int4range[]", "array['[1,5)'::int4range]", `["[1,5)"]`, false},
	})
}

func mysqlRoundTrips(t *testing.T, c *client) {
	roundTrips(t, c, "orders", "(@v <=> @w and hex(@v) <=> hex(@w))", []kept{
		{"bool", "true", `1`, false},
		{"tinyint", "-128", `-128`, false},
		{"int unsigned", "4294967295", `4294967295`, false},
		{"bigint", "-9223372036854775808", `-9223372036854775808`, false},
		{"bigint unsigned", "18446744073709551615", `18446744073709551615`, false},
		{"decimal(10,2)", "12.50", `12.50`, false},
		{"decimal(40,10)", "123456789012345678901234567890.1234567890", `123456789012345678901234567890.1234567890`, false},
		{"decimal(65,0)", strings.Repeat("9", 65), strings.Repeat("9", 65), false},
		{"float", "0.1", `0.1`, true},
		{"double", "0.1e0 + 0.2e0", `0.30000000000000004`, false},
		{"double", "1e300", `1e+300`, false},
		{"double", "1.5", `1.5`, false},
		{"bit(1)", "b'1'", `1`, false},
		{"bit(10)", "b'1000000001'", `513`, false},
		{"bit(64)", "0xffffffffffffffff", `18446744073709551615`, false},
		{"year", "2026", `2026`, false},
		{"date", "'2026-01-02'", `"2026-01-02"`, false},
		{"time", "'-838:59:59'", `"-838:59:59"`, false},
		{"time(6)", "'03:04:05.678900'", `"03:04:05.678900"`, false},
		{"datetime", "'2026-01-02 03:04:05'", `"2026-01-02T03:04:05"`, false},
		{"datetime(6)", "'2026-01-02 03:04:05.678900'", `"2026-01-02T03:04:05.678900"`, false},
		{"timestamp null", "'2026-01-02 03:04:05'", `"2026-01-02T03:04:05"`, false},
		{"char(3)", "'a'", `"a"`, false},
		{"varchar(20)", "'AP8='", `"AP8="`, false},
		{"text", "'2026-01-02 03:04:05'", `"2026-01-02 03:04:05"`, false},
		{"binary(3)", "x'00ff'", `{"base64":"AP8A"}`, false},
		{"varbinary(10)", "x'00ff'", `{"base64":"AP8="}`, false},
		{"varbinary(10)", "x''", `{"base64":""}`, false},
		{"blob", "x'ff00fe'", `{"base64":"/wD+"}`, false},
		{"enum('calm', 'wild')", "'wild'", `"wild"`, false},
		{"set('a', 'b')", "'a,b'", `"a,b"`, false},
		{"json", `'{"b": 1.10, "a": []}'`, `"{\"b\": 1.10, \"a\": []}"`, false},
		{"json", `'"a"'`, `"\"a\""`, false},
		{"uuid", "'123e4567-e89b-12d3-a456-426655440000'", `"123e4567-e89b-12d3-a456-426655440000"`, false},
		{"inet6", "'2001:db8::1'", `"2001:db8::1"`, false},
		{"point", "point(1, 2)", ``, true},
	})
}
