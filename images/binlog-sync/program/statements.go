package main

import (
	"regexp"
	"slices"
	"strings"
)

// statement is one of the log that is no change of rows.
type statement struct {
	// schema is the one in which names without any are.
	schema string
	text   string
}

const (
	statementBegin = iota
	statementCommit
	// statementDistributed begins a transaction that another statement commits much later, or never.
	statementDistributed
	// statementOfRows changes rows that the log does not have, since its session has another format.
	statementOfRows
	statementOther
)

// distributedCommit is how the second half of a distributed transaction begins. Its rows are in the first half, so all tables are read anew.
const distributedCommit = "XA COMMIT"

// plainText is a statement without its comments: those that a server obeys are unwrapped, and others are a space. What is in quotes stays.
func plainText(text string) string {
	var plain strings.Builder
	for at := 0; at < len(text); {
		rest := text[at:]
		switch {
		case rest[0] == '\'' || rest[0] == '"' || rest[0] == '`':
			end := quotedEnd(rest)
			plain.WriteString(rest[:end])
			at += end
		case strings.HasPrefix(rest, "/*!"):
			plain.WriteByte(' ')
			at += len(versionComment.FindString(rest))
		case strings.HasPrefix(rest, "/*"):
			plain.WriteByte(' ')
			at += endBehind(rest, 2, "*/")
		case strings.HasPrefix(rest, "*/"):
			// The end of one that is obeyed.
			plain.WriteByte(' ')
			at += 2
		case rest[0] == '#', lineComment.MatchString(rest):
			plain.WriteByte(' ')
			at += endBehind(rest, 1, "\n")
		default:
			plain.WriteByte(rest[0])
			at++
		}
	}
	return strings.TrimSpace(plain.String())
}

var (
	versionComment = regexp.MustCompile(`^/\*![0-9]{0,6}`)
	lineComment    = regexp.MustCompile(`^--(\s|$)`)
)

// endBehind is where a text goes on behind an end that is looked for from a place on.
func endBehind(text string, from int, end string) int {
	if at := strings.Index(text[from:], end); at >= 0 {
		return from + at + len(end)
	}
	return len(text)
}

// quotedEnd is the length of what is in quotes at the beginning of a text, with them.
func quotedEnd(text string) int {
	for at := 1; at < len(text); at++ {
		switch {
		case text[at] == '\\' && text[0] != '`':
			at++
		case text[at] == text[0]:
			return at + 1
		}
	}
	return len(text)
}

func statementKind(text string) int {
	switch words := strings.Fields(strings.ToUpper(text)); {
	case len(words) == 0:
		return statementOther
	case words[0] == "BEGIN", words[0] == "SAVEPOINT":
		return statementBegin
	case words[0] == "XA" && len(words) > 1 && (words[1] == "START" || words[1] == "BEGIN" || words[1] == "END"):
		return statementDistributed
	case words[0] == "ROLLBACK" && len(words) > 1 && words[1] == "TO":
		return statementBegin
	case words[0] == "COMMIT", words[0] == "ROLLBACK":
		return statementCommit
	case slices.Contains([]string{"INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD"}, words[0]):
		return statementOfRows
	default:
		return statementOther
	}
}

// tableStatement is one that may change what rows a table has, or what is in them, without that its rows are in the log.
var tableStatement = regexp.MustCompile(`(?is)^(ALTER|CREATE|DROP|RENAME)\s+((TEMPORARY|ONLINE|OFFLINE|IGNORE)\s+)?(TABLES?|DATABASE|SCHEMA)\s|^TRUNCATE\s|^IMPORT\s+TABLE\s`)

// touches tells whether a statement may have changed a table in another way than by rows: a column with a default, a table that is cut or renamed.
//
// It looks for the names alone, and so takes a few too many: what it takes is read anew, which is right in any case and only costs time. A statement
// of indexes alone is told apart, since it is the one that is given to large tables while they are in use.
func (s statement) touches(of table) bool {
	if s.isDistributed() {
		return true
	}
	if !s.ofTables() || !(s.mentions(s.text, of) || mentionsOnlySchema(s.text, of.schema)) {
		return false
	}
	return !indexStatement.MatchString(s.text)
}

// isDistributed tells whether the statement commits what was prepared before.
func (s statement) isDistributed() bool {
	return strings.HasPrefix(strings.ToUpper(s.text), distributedCommit)
}

// matters tells whether the statement can be a reason to read tables anew.
func (s statement) matters() bool {
	return s.ofTables() || s.isDistributed() || s.isOfAccess()
}

// isOfAccess tells whether the statement may have given the right to read a table.
func (s statement) isOfAccess() bool {
	return accessStatement.MatchString(s.text)
}

var accessStatement = regexp.MustCompile(`(?i)^(GRANT|REVOKE)\s`)

// makes tells whether the statement makes a table or a schema: it changes none that is there, as one with IF NOT EXISTS does not.
func (s statement) makes() bool {
	return creation.MatchString(s.text)
}

var creation = regexp.MustCompile(`(?i)^CREATE\s+(TEMPORARY\s+)?(TABLE|DATABASE|SCHEMA)\s`)

// ofTables tells whether the statement may have made, changed or taken away a table, or rows that are not in the log.
func (s statement) ofTables() bool {
	return tableStatement.MatchString(s.text) || statementKind(s.text) == statementOfRows
}

// indexStatement is an ALTER TABLE with one change, which is of an index that is not the primary key.
var indexStatement = regexp.MustCompile("(?is)^ALTER\\s+TABLE\\s+[`\\w.$]+\\s+(ADD\\s+(UNIQUE\\s+|FULLTEXT\\s+|SPATIAL\\s+)?(INDEX|KEY)\\s[^,]*\\([^()]*\\)|DROP\\s+(INDEX|KEY)\\s+[`\\w$]+)\\s*(,\\s*(ALGORITHM|LOCK)\\s*=?\\s*\\w+\\s*)*$")

var schemaStatement = regexp.MustCompile(`(?is)^(ALTER|CREATE|DROP)\s+(DATABASE|SCHEMA)\s`)

func mentionsOnlySchema(text, schema string) bool {
	return schemaStatement.MatchString(text) && len(places(strings.ToLower(text), strings.ToLower(schema))) > 0
}

// mentions tells whether a table's name is in the text, in whichever case: servers differ in whether names have one. A name without a schema before
// it is one of the statement's own.
func (s statement) mentions(text string, of table) bool {
	text = strings.ToLower(text)
	for _, at := range places(text, strings.ToLower(of.name)) {
		schema := s.schema
		if before := qualified.FindStringSubmatch(text[:at]); before != nil {
			schema = before[1]
		}
		if strings.EqualFold(schema, of.schema) {
			return true
		}
	}
	return false
}

// qualified is what is before a name that has a schema.
var qualified = regexp.MustCompile("([\\w$\\x{80}-\\x{10ffff}]+)`?\\s*\\.\\s*`?$")

// places are where a name is in a text as a word of its own.
func places(text, name string) []int {
	var found []int
	for from := 0; ; {
		at := strings.Index(text[from:], name)
		if at < 0 {
			return found
		}
		at += from
		if !isWord(text, at-1) && !isWord(text, at+len(name)) {
			found = append(found, at)
		}
		from = at + 1
	}
}

func isWord(text string, at int) bool {
	if at < 0 || at >= len(text) {
		return false
	}
	letter := text[at]
	return letter == '_' || letter == '$' || letter >= '0' && letter <= '9' || letter >= 'a' && letter <= 'z' || letter >= 0x80
}
