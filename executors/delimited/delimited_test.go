package delimited_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/delimited"
)

// table reads a table. Cells are joined by | and records by a slash; a record
// that can't be read is its error in brackets.
func table(t *testing.T, text string, options delimited.Options) (string, *delimited.Reader) {
	t.Helper()
	r, err := delimited.NewReader(strings.NewReader(text), options)
	if err != nil {
		return err.Error(), nil
	}
	var all []string
	for {
		record, err := r.Read()
		var bad *delimited.Error
		switch {
		case err == io.EOF:
			return strings.Join(all, "/"), r
		case errors.As(err, &bad):
			all = append(all, "["+bad.Error()+"]")
		case err != nil:
			t.Fatal(err)
		default:
			var cells []string
			for _, field := range record.Fields {
				cells = append(cells, delimited.Text(field))
			}
			all = append(all, strings.Join(cells, "|"))
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"comma":                    {"id,name\n1,a\n", "id|name/1|a"},
		"semicolon":                {"id;name\n1;a\n", "id|name/1|a"},
		"semicolon, comma numbers": {"id;price\n1;2,5\n2;3,5\n", "id|price/1|2,5/2|3,5"},
		"semicolon, quoted commas": {"\"a, b\";c\n\"1, 2\";3\n", "a, b|c/1, 2|3"},
		"tab":                      {"id\tname\n1\ta, b\n", "id|name/1|a, b"},
		"pipe":                     {"id|name\n1|a\n", "id|name/1|a"},
		"another one in a name":    {"id;x,name\n1,2\n", "id;x|name/1|2"},
		"another one in cells":     {"id,name\n1,a;b\n2,c;d\n", "id|name/1|a;b/2|c;d"},
		"one column":               {"name\na;b\nc;d\n", "name/a;b/c;d"},
		"both fit":                 {"a,b;c,d\n1,5;2,5\n", "its columns can be separated by , or by ;"},
		"declared":                 {"sep=;\r\na,b;c,d\r\n1,5;2,5\r\n", "a,b|c,d/1,5|2,5"},
		"rows of other lengths":    {"a;b\n1;2;3\n4\n", "a|b/1|2|3/4"},
		"CR":                       {"id,name\r1,a\r2,b\r", "id|name/1|a/2|b"},
		"CRLF":                     {"id,name\r\n1,a\r\n", "id|name/1|a"},
		"mixed line ends":          {"id,name\r1,a\n2,b\r\n3,c", "id|name/1|a/2|b/3|c"},
		"empty lines":              {"\n\r\nid,name\n\n1,a\n\r\n", "id|name/1|a"},
		"mark":                     {"\ufeff\"id\",name\n1,a\n", "id|name/1|a"},
		"no lines":                 {"", ""},
		"mark only":                {"\ufeff", ""},
		"line ends in quotes":      {"a,b\n\"1\r\n2\r3\n4\",5\n", "a|b/1\r\n2\r3\n4|5"},
		"doubled quotes":           {"a,b\n\"\"\"x\"\" y\",\"\"\n", "a|b/\"x\" y|"},
		"inches":                   {"t\nBuy a 5\" pipe\nfind it\nBuy a 7\" pipe\ncall\n", "t/Buy a 5\" pipe/find it/Buy a 7\" pipe/call"},
		"inches in cells":          {"t,n\n5\" pipe,1\na \"b, c\" d\n", "t|n/5\" pipe|1/a \"b| c\" d"},
		"feet and inches":          {"n,t\n1,6'2\"\n2,x\n", "n|t/1|6'2\"/2|x"},
		"quotes after spaces":      {"a, b\n1, \"x, y\"\n2, \"z\" \n", "a| b/1|x, y/2|z"},
		"spaces":                   {"a,b\n 1 , 2\n", "a|b/ 1 | 2"},
		"text after a quote":       {"a,b\n\"5\" pipe,2\n3,4\n", "a|b/[line 2: text follows the closing quote of field 1]/3|4"},
		"quotes in quotes":         {"a,b\n1,\"x \"y\" z\"\n3,4\n", "a|b/[line 2: text follows the closing quote of field 2]/3|4"},
		"two quoted parts":         {"a,b\n\"x\" \"y\",2\n", "a|b/[line 2: text follows the closing quote of field 1]"},
		"never closed":             {"a,b\n1,\"x\n3,4\n", "a|b/[line 2: a quoted field is never closed; it has the rest of the file, to line 4]"},
		"never closed after space": {"a,b\n1, \"x\n3,4\n", "a|b/[line 2: the quote in field 2 is not closed in its line]/3|4"},
		"not UTF-8":                {"a,b\n\"1\n2\xef\",3\n", "a|b/[line 3: byte 0xef is not UTF-8]"},
		"UTF-16 without a mark":    {"a\x00,\x00b\x00\n\x00", "[line 1: it has a zero byte, as UTF-16 and binary files do]/[line 2: it has a zero byte, as UTF-16 and binary files do]"},
		"U+FFFD that is there":     {"a,b\n\ufffd,1\n", "a|b/\ufffd|1"},
	} {
		if got, _ := table(t, c.text, delimited.Options{}); got != c.want {
			t.Errorf("%s:\ngot  %q\nwant %q", name, got, c.want)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, want string
		options    delimited.Options
	}{
		{"a:b,c\n1:2,3\n", "a|b,c/1|2,3", delimited.Options{Delimiter: ':'}},
		{"a;b,c\n1;2,3\n", "a;b|c/1;2|3", delimited.Options{Delimiter: ','}},
		{"sep=;\na,b\n", "a|b", delimited.Options{Delimiter: ','}},
		{"a\nx\ufffd\n", "a/[line 2: it is not in the given encoding]", delimited.Options{Converted: true}},
		{"a\n" + strings.Repeat("x", 2<<20) + "\ny\n", "a/[line 2: it is longer than 1 MiB]/y", delimited.Options{Longest: 1 << 20}},
		{"a\n" + strings.Repeat(",", 200_000) + "\ny\n", "a/[line 2: it has more than 100000 fields]/y", delimited.Options{}},
	} {
		if got, _ := table(t, c.text, c.options); got != c.want {
			t.Errorf("%.40q: got %.200q, want %q", c.text, got, c.want)
		}
	}
	_, r := table(t, "\ufeffa;b\r\n1;2\n", delimited.Options{})
	if !r.Mark || r.End != "\r\n" || r.Delimiter != ';' {
		t.Errorf("got mark %t, end %q, delimiter %q", r.Mark, r.End, r.Delimiter)
	}
}

// The delimiter is found also if the text that is looked at ends in a record.
func TestLongTables(t *testing.T) {
	t.Parallel()
	text := "id;text\n" + strings.Repeat("1;\"a, b\nc\"\n", 20_000)
	r, err := delimited.NewReader(strings.NewReader(text), delimited.Options{})
	if err != nil || r.Delimiter != ';' {
		t.Fatalf("%+v, %v", r, err)
	}
	n, last := 0, 0
	for {
		record, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil || len(record.Fields) != 2 {
			t.Fatal(record, err)
		}
		n, last = n+1, record.Line
	}
	if n != 20_001 || last != 40_000 {
		t.Errorf("%d records, the last in line %d", n, last)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "\x00", ",": ",", "tab": "\t", `\t`: "\t", "\t": "\t", "::": "", `"`: "", "\n": "", "§": ""} {
		got, err := delimited.Parse(text)
		if (err != nil) != (want == "") || err == nil && got != want[0] {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// FuzzRead checks that any text is read to its end with nothing lost, that its
// fields are the text, and that cells survive being written and read.
func FuzzRead(f *testing.F) {
	for _, text := range []string{"a,b\n1,2\n", "a;\"b\"\"\"\r\n\"1\n2\";\r", "\ufeffa\n\"x", "sep=|\na|b", " \"a\" ,b\r\r\n", "a\xff\n", "5\" x\t6'"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := delimited.NewReader(bytes.NewReader(text), delimited.Options{})
		if err != nil {
			if !errors.Is(err, delimited.ErrAmbiguous) {
				t.Fatal(err)
			}
			return
		}
		left := text // what is not yet seen in a record
		line := 0
		for n := 0; ; n++ {
			record, err := r.Read()
			var bad *delimited.Error
			switch {
			case err == io.EOF:
				return
			case errors.As(err, &bad):
				if bad.Line <= line || bad.Reason == "" || n > len(text) {
					t.Fatalf("record %d: %v after line %d", n, bad, line)
				}
				continue
			case err != nil:
				t.Fatal(err)
			}
			if record.Line <= line {
				t.Fatalf("record %d is in line %d after line %d", n, record.Line, line)
			}
			line = record.Line
			written := bytes.Join(record.Fields, []byte{r.Delimiter})
			at := bytes.Index(left, written)
			if at < 0 {
				t.Fatalf("%q is not in %q", written, left)
			}
			left = left[at+len(written):]
			checkAgain(t, record, r.Delimiter)
		}
	})
}

// checkAgain writes the cells of a record and reads them.
func checkAgain(t *testing.T, record delimited.Record, delimiter byte) {
	t.Helper()
	var cells []string
	again := []byte("x" + string(rune(delimiter)) + "\n") // not one column, not an empty line
	for _, field := range record.Fields {
		cells = append(cells, delimited.Text(field))
		again = append(delimited.AppendField(again, cells[len(cells)-1], delimiter), delimiter)
	}
	r, err := delimited.NewReader(bytes.NewReader(append(again, '\n')), delimited.Options{Delimiter: delimiter})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(); err != nil {
		t.Fatal(err)
	}
	read, err := r.Read()
	if err != nil {
		t.Fatalf("%q: %v", again, err)
	}
	var got []string
	for _, field := range read.Fields {
		got = append(got, delimited.Text(field))
	}
	if want := append(cells, ""); !slices.Equal(got, want) {
		t.Fatalf("%q became %q", fmt.Sprint(want), got)
	}
}
