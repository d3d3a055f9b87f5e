package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
)

// kind is how the values of a column are read and written.
type kind int

const (
	integer kind = iota
	unsigned
	bits
	decimal
	single
	double
	date
	datetime
	timestamp
	clock
	text
	latin1
	binaryData
	enumeration
	set
	document
	unknown
)

// column is what has to be known of one to carry its values.
type column struct {
	name string
	kind kind
	// width is the bits of an unsigned number, or the bytes to which binary data is filled up; 0 where there are none.
	width int
	// values are the names of an enumeration or a set, in order; the log has their numbers alone.
	values []string
	// fault is why it cannot be carried.
	fault string
}

// layout is the columns of a table, and which of them are its primary key, in the key's order.
type layout struct {
	columns []column
	key     []int
}

// check tells whether rows of this layout can be carried by a rule.
func (l layout) check(rule *Rule) error {
	if len(l.key) == 0 {
		return fmt.Errorf("it has no primary key, by which a document is found again; add one: ALTER TABLE … ADD PRIMARY KEY (…)")
	}
	if err := rule.check(l.columns); err != nil {
		return err
	}
	for at, column := range l.columns {
		if column.fault != "" && (rule.carries(column.name) || slices.Contains(l.key, at)) {
			return fmt.Errorf("its column %s %s", column.name, column.fault)
		}
	}
	return nil
}

const (
	noCharset  = "has text in the character set %s, which is not read; convert it to utf8mb4, or leave the column out"
	noType     = "has the type %s, which is not carried; leave the column out"
	binaryOnly = "binary"
)

// textKind is how text of a character set is read from the log, which has it as it is stored.
func textKind(charset string) (kind, string) {
	switch charset {
	case "utf8mb4", "utf8mb3", "utf8", "ascii":
		return text, ""
	case "latin1":
		return latin1, ""
	case binaryOnly, "":
		return binaryData, ""
	default:
		return unknown, fmt.Sprintf(noCharset, charset)
	}
}

// columnOfSchema reads a row of information_schema.columns.
func columnOfSchema(name, dataType, columnType, charset string, length int) column {
	is := column{name: name}
	switch dataType {
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		is.kind = integer
		if strings.Contains(columnType, "unsigned") {
			is.kind = unsigned
		}
	case "year":
		is.kind = integer
	case "bit":
		is.kind = bits
	case "decimal":
		is.kind = decimal
	case "float":
		is.kind = single
	case "double":
		is.kind = double
	case "date":
		is.kind = date
	case "datetime":
		is.kind = datetime
	case "timestamp":
		is.kind = timestamp
	case "time":
		is.kind = clock
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext":
		is.kind, is.fault = textKind(charset)
	case "binary":
		is.kind, is.width = binaryData, length
	case "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		is.kind = binaryData
	case "enum":
		is.kind = enumeration
	case "set":
		is.kind = set
	case "json":
		is.kind = document
	default:
		is.kind, is.fault = unknown, fmt.Sprintf(noType, dataType)
	}
	return is
}

// layoutOfLog reads what the log says of a table beside its rows.
//
// charsets are the character sets by the number of their collation.
func layoutOfLog(table *replication.TableMapEvent, charsets map[uint64]string) (layout, error) {
	names := table.ColumnNameString()
	if len(names) != int(table.ColumnCount) {
		return layout{}, fmt.Errorf("the log has no names of columns; set binlog_row_metadata = FULL")
	}
	is := layout{columns: make([]column, len(names))}
	unsignedAt, collations, enumCollations := table.UnsignedMap(), table.CollationMap(), table.EnumSetCollationMap()
	enums, sets := table.EnumStrValueMap(), table.SetStrValueMap()
	for at, name := range names {
		one := column{name: name}
		switch {
		case table.IsEnumColumn(at):
			one.kind, one.values, one.fault = enumeration, enums[at], namesFault(charsets[enumCollations[at]])
		case table.IsSetColumn(at):
			one.kind, one.values, one.fault = set, sets[at], namesFault(charsets[enumCollations[at]])
		default:
			one.kind, one.width, one.fault = kindOfLog(table.ColumnType[at], table.ColumnMeta[at], unsignedAt[at], charsets[collations[at]])
		}
		is.columns[at] = one
	}
	for _, at := range table.PrimaryKey {
		is.key = append(is.key, int(at))
	}
	return is, nil
}

// namesFault is why the names of an enumeration cannot be read.
func namesFault(charset string) string {
	if kind, fault := textKind(charset); kind != text {
		return orElse(fault, fmt.Sprintf(noCharset, charset))
	}
	return ""
}

func kindOfLog(fieldType byte, meta uint16, isUnsigned bool, charset string) (kind, int, string) {
	number := func(width int) (kind, int, string) {
		if isUnsigned {
			return unsigned, width, ""
		}
		return integer, width, ""
	}
	switch fieldType {
	case mysql.MYSQL_TYPE_TINY:
		return number(8)
	case mysql.MYSQL_TYPE_SHORT:
		return number(16)
	case mysql.MYSQL_TYPE_INT24:
		return number(24)
	case mysql.MYSQL_TYPE_LONG:
		return number(32)
	case mysql.MYSQL_TYPE_LONGLONG:
		return number(64)
	case mysql.MYSQL_TYPE_YEAR:
		return integer, 0, ""
	case mysql.MYSQL_TYPE_BIT:
		return bits, 0, ""
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		return decimal, 0, ""
	case mysql.MYSQL_TYPE_FLOAT:
		return single, 0, ""
	case mysql.MYSQL_TYPE_DOUBLE:
		return double, 0, ""
	case mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_NEWDATE:
		return date, 0, ""
	case mysql.MYSQL_TYPE_DATETIME, mysql.MYSQL_TYPE_DATETIME2:
		return datetime, 0, ""
	case mysql.MYSQL_TYPE_TIMESTAMP, mysql.MYSQL_TYPE_TIMESTAMP2:
		return timestamp, 0, ""
	case mysql.MYSQL_TYPE_TIME, mysql.MYSQL_TYPE_TIME2:
		return clock, 0, ""
	case mysql.MYSQL_TYPE_JSON:
		return document, 0, ""
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_BLOB:
		is, fault := textKind(charset)
		return is, 0, fault
	case mysql.MYSQL_TYPE_STRING:
		is, fault := textKind(charset)
		return is, fixedLength(meta), fault
	default:
		return unknown, 0, fmt.Sprintf(noType, fmt.Sprint(fieldType))
	}
}

// fixedLength is the bytes of a CHAR or BINARY: its upper two bits are, turned over, in the byte of its type (MySQL's Field_string::do_save_field_metadata).
func fixedLength(meta uint16) int {
	upper, lower := meta>>8, meta&0xff
	if meta < 256 || upper&0x30 == 0x30 {
		return int(lower)
	}
	return int(lower | ((upper&0x30)^0x30)<<4)
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
