package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// A value is one of: nil, int64, uint64, json.Number, float32, float64, string, []string, []byte (binary) and json.RawMessage (a document),
// whichever way it came, so that a row makes the same document from a query and from the log.

// ofQuery reads what the binary protocol gave. Text has been converted to utf8mb4 by the server.
func (c column) ofQuery(given any) (any, error) {
	raw, isRaw := given.([]byte)
	switch c.kind {
	case integer, unsigned:
		if isRaw {
			// As the driver gives what is above the highest signed number.
			return strconv.ParseUint(string(raw), 10, 64)
		}
		if number, ok := given.(int64); ok && c.kind == unsigned {
			return uint64(number), nil
		}
		return given, nil
	case single, double:
		return given, nil
	case bits:
		var number uint64
		for _, octet := range raw {
			number = number<<8 | uint64(octet)
		}
		return orNull(given, number), nil
	}
	if given == nil {
		return nil, nil
	}
	if !isRaw {
		return nil, fmt.Errorf("%s is %T where text was awaited", c.name, given)
	}
	switch c.kind {
	case decimal:
		return numberOf(string(raw)), nil
	case document:
		return json.RawMessage(append([]byte(nil), raw...)), nil
	case binaryData:
		return append([]byte(nil), raw...), nil
	case set:
		return namesOf(string(raw)), nil
	default:
		return string(raw), nil
	}
}

// numberOf is a decimal as JSON has it: without the zeros that a column with ZEROFILL has before it.
func numberOf(text string) json.Number {
	digits := strings.TrimPrefix(text, "-")
	sign := text[:len(text)-len(digits)]
	digits = strings.TrimLeft(digits, "0")
	if digits == "" || digits[0] == '.' {
		digits = "0" + digits
	}
	return json.Number(sign + digits)
}

func orNull(given any, value any) any {
	if given == nil {
		return nil
	}
	return value
}

func namesOf(list string) []string {
	if list == "" {
		return []string{}
	}
	return strings.Split(list, ",")
}

// ofLog reads what the log gave.
func (c column) ofLog(given any) (any, error) {
	if given == nil {
		return nil, nil
	}
	switch c.kind {
	case integer, unsigned, bits, enumeration, set:
		number, err := whole(given)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		return c.ofNumber(number)
	case single, double:
		return given, nil
	}
	var raw string
	switch value := given.(type) {
	case string:
		raw = value
	case []byte:
		raw = string(value)
	default:
		return nil, fmt.Errorf("%s is %T in the log where text was awaited", c.name, given)
	}
	switch c.kind {
	case decimal:
		return numberOf(raw), nil
	case document:
		// An empty one is what MySQL has for a document that was to be NULL in a column that takes none.
		return json.RawMessage(orElse(raw, "null")), nil
	case latin1:
		// What MySQL calls latin1 is Windows' code page 1252.
		return charmap.Windows1252.NewDecoder().String(raw)
	case binaryData:
		// The log leaves out what a BINARY is filled up with.
		return []byte(raw + strings.Repeat("\x00", max(c.width-len(raw), 0))), nil
	default:
		return raw, nil
	}
}

func (c column) ofNumber(number int64) (any, error) {
	switch c.kind {
	case integer:
		return number, nil
	case bits:
		return uint64(number), nil
	case unsigned:
		if c.width < 64 {
			return uint64(number) & (1<<c.width - 1), nil
		}
		return uint64(number), nil
	case enumeration:
		// 0 is what is there for a value that was none.
		if number == 0 {
			return "", nil
		}
		if int(number) > len(c.values) {
			return nil, fmt.Errorf("%s has no value number %d", c.name, number)
		}
		return c.values[number-1], nil
	default:
		names := []string{}
		for at, name := range c.values {
			if number&(1<<at) != 0 {
				names = append(names, name)
			}
		}
		return names, nil
	}
}

func whole(given any) (int64, error) {
	switch number := given.(type) {
	case int8:
		return int64(number), nil
	case int16:
		return int64(number), nil
	case int32:
		return int64(number), nil
	case int64:
		return number, nil
	case int:
		return int64(number), nil
	default:
		return 0, fmt.Errorf("%T in the log where a number was awaited", given)
	}
}

// forDocument is the value as JSON has it; a date that is none, like 0000-00-00, is null.
func (c column) forDocument(value any) any {
	moment, isText := value.(string)
	if !isText {
		return value
	}
	switch c.kind {
	case date, datetime, timestamp:
		// Year, month or day may be 0.
		if len(moment) < 10 || moment[:4] == "0000" || moment[5:7] == "00" || moment[8:10] == "00" {
			return nil
		}
		moment = strings.Replace(moment, " ", "T", 1)
		if c.kind == timestamp {
			// Both the session and the log are read in UTC.
			moment += "Z"
		}
		return moment
	default:
		return moment
	}
}

// forKey is the value as part of an id.
func forKey(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case []byte:
		return base64.RawURLEncoding.EncodeToString(value)
	case json.Number:
		return value.String()
	case float32:
		return strconv.FormatFloat(float64(value), 'g', -1, 32)
	case []string:
		return strings.Join(value, ",")
	default:
		return fmt.Sprint(value)
	}
}

// idOf names the document of a row: its key, the parts of a longer one with commas between.
func idOf(prefix string, is layout, row []any) (string, error) {
	parts := make([]string, len(is.key))
	for at, column := range is.key {
		parts[at] = forKey(row[column])
		if len(is.key) > 1 {
			parts[at] = url.QueryEscape(parts[at])
		}
	}
	id := prefix + strings.Join(parts, ",")
	// Elasticsearch, "Mapping: _id field".
	if len(id) > 512 || id == "" {
		return "", fmt.Errorf("the key %.40q… makes an id of %d bytes; Elasticsearch takes 1 to 512", id, len(id))
	}
	return id, nil
}

// documentOf is the document of a row.
func documentOf(rule *Rule, is layout, row []any) ([]byte, error) {
	fields := make(map[string]any, len(row))
	for at, column := range is.columns {
		if rule.carries(column.name) {
			fields[rule.field(column.name)] = column.forDocument(row[at])
		}
	}
	return json.Marshal(fields)
}
