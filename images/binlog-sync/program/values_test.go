package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// Every value in two ways, as a query gives it and as the log does, must make the same in a document.
func TestBothWaysMakeTheSameDocument(t *testing.T) {
	cases := []struct {
		name   string
		column column
		query  any
		log    any
		want   string
	}{
		{"an unsigned byte", column{kind: unsigned, width: 8}, int64(200), int8(-56), "200"},
		{"an unsigned number of three bytes", column{kind: unsigned, width: 24}, int64(16777215), int32(-1), "16777215"},
		{"the highest number", column{kind: unsigned, width: 64}, []byte("18446744073709551615"), int64(-1), "18446744073709551615"},
		{"a number below none", column{kind: integer}, int64(-5), int16(-5), "-5"},
		{"bits", column{kind: bits}, []byte{0x08, 0x01}, int64(2049), "2049"},
		{"64 bits", column{kind: bits}, []byte{255, 255, 255, 255, 255, 255, 255, 255}, int64(-1), "18446744073709551615"},
		{"a decimal", column{kind: decimal}, []byte("12345678901234567890.10"), "12345678901234567890.10", "12345678901234567890.10"},
		{"a decimal that is filled up", column{kind: decimal}, []byte("000012.50"), "12.50", "12.50"},
		{"a decimal of nothing", column{kind: decimal}, []byte("-0.00"), "-0.00", "-0.00"},
		{"a float", column{kind: single}, float32(0.1), float32(0.1), "0.1"},
		{"a date that is none", column{kind: date}, []byte("2026-00-01"), "2026-00-01", "null"},
		{"a moment", column{kind: timestamp}, []byte("2026-11-28 01:02:03.5"), "2026-11-28 01:02:03.5", `"2026-11-28T01:02:03.5Z"`},
		{"text in latin1", column{kind: latin1}, []byte("Größe €"), "Gr\xf6\xdfe \x80", `"Größe €"`},
		{"bytes that are filled up", column{kind: binaryData, width: 4}, []byte{10, 0, 0, 0}, "\n", `"CgAAAA=="`},
		{"a name of several", column{kind: enumeration, values: []string{"a", "b"}}, []byte("b"), int64(2), `"b"`},
		{"a name that is none", column{kind: enumeration, values: []string{"a"}}, []byte(""), int64(0), `""`},
		{"several names", column{kind: set, values: []string{"a", "b", "c"}}, []byte("a,c"), int64(5), `["a","c"]`},
		{"no names", column{kind: set, values: []string{"a"}}, []byte(""), int64(0), `[]`},
		{"a document", column{kind: document}, []byte(`{"a":1}`), `{"a":1}`, `{"a":1}`},
		{"nothing", column{kind: text}, nil, nil, "null"},
		{"no bits", column{kind: bits}, nil, nil, "null"},
	}
	for _, each := range cases {
		t.Run(each.name, func(t *testing.T) {
			each.column.name = "c"
			for way, read := range map[string]func() (any, error){
				"query": func() (any, error) { return each.column.ofQuery(each.query) },
				"log":   func() (any, error) { return each.column.ofLog(each.log) },
			} {
				value, err := read()
				if err != nil {
					t.Fatalf("%s: %v", way, err)
				}
				got, err := json.Marshal(each.column.forDocument(value))
				if err != nil || string(got) != each.want {
					t.Errorf("%s: got %s (%v), want %s", way, got, err, each.want)
				}
			}
		})
	}
}

func TestIDs(t *testing.T) {
	one := layout{columns: []column{{name: "id", kind: integer}}, key: []int{0}}
	two := layout{columns: []column{{name: "a", kind: text}, {name: "b", kind: text}}, key: []int{1, 0}}
	for _, each := range []struct {
		prefix string
		is     layout
		row    []any
		want   string
	}{
		{"", one, []any{int64(7)}, "7"},
		{"shop.orders/", one, []any{uint64(7)}, "shop.orders/7"},
		{"", two, []any{"x,y", "z"}, "z,x%2Cy"},
	} {
		got, err := idOf(each.prefix, each.is, each.row)
		if err != nil || got != each.want {
			t.Errorf("got %q (%v), want %q", got, err, each.want)
		}
	}
	if _, err := idOf("", layout{columns: []column{{kind: text}}, key: []int{0}}, []any{strings.Repeat("k", 513)}); err == nil {
		t.Error("an id of 513 bytes is taken")
	}
}

func TestFixedLength(t *testing.T) {
	for meta, want := range map[uint16]int{0xfe04: 4, 0xfeff: 255, 0xee2c: 300, 0xce00: 768} {
		if got := fixedLength(meta); got != want {
			t.Errorf("%#x: got %d, want %d", meta, got, want)
		}
	}
}

func TestLayoutsThatCannotBeCarried(t *testing.T) {
	rule := &Rule{Tables: "a.b", Leave: []string{"where"}, Fields: map[string]string{"nm": "name"}}
	id, name := column{name: "id"}, column{name: "nm"}
	where := columnOfSchema("where", "point", "point", "", 0)
	old := columnOfSchema("old", "varchar", "varchar(10)", "koi8r", 10)
	for _, each := range []struct {
		is   layout
		want string
	}{
		{layout{columns: []column{id, name}}, "no primary key"},
		{layout{columns: []column{id}, key: []int{0}}, "no column nm"},
		{layout{columns: []column{id, name, old}, key: []int{0}}, "character set koi8r"},
		{layout{columns: []column{id, name, {name: "name"}}, key: []int{0}}, "columns nm and name would both be the field name"},
		{layout{columns: []column{where, name}, key: []int{0}}, "type point"},
	} {
		if err := each.is.check(rule); err == nil || !strings.Contains(err.Error(), each.want) {
			t.Errorf("got %v, want %q", err, each.want)
		}
	}
	if err := (layout{columns: []column{id, name, where}, key: []int{0}}).check(rule); err != nil {
		t.Errorf("a column that is left out stops the table: %v", err)
	}
}
