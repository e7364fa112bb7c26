package activations

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"agar/model/chat"
)

// lineReader reads lines of any length and hashes what it hands out.
type lineReader struct {
	name  string
	br    *bufio.Reader
	n     int   // lines read
	first int   // line that the current document starts on
	read  int64 // bytes handed out
	hash  hash.Hash
}

func newLineReader(name string, r io.Reader) *lineReader {
	return &lineReader{name: name, br: bufio.NewReaderSize(r, 1<<16), hash: sha256.New()}
}

// line reads up to \n, which is not part of it; a last line without one counts.
func (l *lineReader) line() ([]byte, error) {
	b, err := l.br.ReadBytes('\n')
	if err != nil && (!errors.Is(err, io.EOF) || len(b) == 0) {
		return nil, err
	}
	l.n++
	l.read += int64(len(b))
	l.hash.Write(b)
	return bytes.TrimSuffix(b, []byte("\n")), nil
}

// isJSONL decides by the name of the file, or by its first character.
func (l *lineReader) isJSONL(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".jsonl", ".ndjson":
		return true
	case ".txt":
		return false
	}
	head, _ := l.br.Peek(1 << 12)
	head = bytes.TrimSpace(bytes.TrimPrefix(head, bom))
	return len(head) > 0 && head[0] == '{'
}

// bom is how some editors start a UTF-8 file.
var bom = []byte("\ufeff")

// record is one line of a JSONL file.
type record struct {
	Text     *string         `json:"text"`
	Messages *[]chat.Message `json:"messages"`
	Tokens   *[]int32        `json:"tokens"`
	Roles    []uint8Number   `json:"roles"`
}

// uint8Number is a role; a []uint8 would be base64 to encoding/json.
type uint8Number uint16

// record reads the next line that is not blank.
func (f *File) record() (Document, bool, error) {
	var line []byte
	for len(bytes.TrimSpace(line)) == 0 {
		var err error
		if line, err = f.r.line(); err != nil {
			return Document{}, false, err
		}
		if f.r.n == 1 {
			line = bytes.TrimPrefix(line, bom)
		}
	}
	f.r.first = f.r.n
	if !utf8.Valid(line) {
		return Document{}, false, errors.New("found bytes that are no UTF-8")
	}
	rec, err := parseRecord(line)
	if err != nil {
		return Document{}, false, err
	}
	switch {
	case rec.Text != nil:
		return f.text(*rec.Text)
	case rec.Messages != nil:
		return f.messages(*rec.Messages)
	}
	return f.tokens(*rec.Tokens, rec.Roles)
}

// parseRecord decodes a line and holds it to one of text, messages and tokens.
func parseRecord(line []byte) (record, error) {
	var rec record
	if err := json.Unmarshal(line, &rec); err != nil {
		return rec, jsonError(err)
	}
	var found []string
	for name, there := range map[string]bool{"text": rec.Text != nil, "messages": rec.Messages != nil, "tokens": rec.Tokens != nil} {
		if there {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	switch {
	case len(found) == 0:
		return rec, fmt.Errorf("found %s, expected one of text, messages, tokens", keysOf(line))
	case len(found) > 1:
		return rec, fmt.Errorf("found %s, expected exactly one of text, messages, tokens", strings.Join(found, " and "))
	case rec.Roles != nil && rec.Tokens == nil:
		return rec, errors.New("found roles without tokens")
	}
	return rec, nil
}

// jsonError says where in the line JSON ends to be JSON.
func jsonError(err error) error {
	var s *json.SyntaxError
	var t *json.UnmarshalTypeError
	switch {
	case errors.As(err, &s):
		return fmt.Errorf("column %d: no JSON: %w", s.Offset, err)
	case errors.As(err, &t) && t.Field == "":
		return fmt.Errorf("found a JSON %s, expected an object", t.Value)
	case errors.As(err, &t):
		return fmt.Errorf("column %d: %q: found %s, expected %s", t.Offset, t.Field, t.Value, t.Type)
	}
	return err
}

// keysOf lists the members of an object for an error.
func keysOf(line []byte) string {
	var m map[string]json.RawMessage
	if json.Unmarshal(line, &m) != nil || len(m) == 0 {
		return "no members"
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return "members " + strings.Join(keys[:min(len(keys), 8)], ", ")
}

// tokens takes ids as they are.
func (f *File) tokens(ids []int32, roles []uint8Number) (Document, bool, error) {
	if roles != nil && len(roles) != len(ids) {
		return Document{}, false, fmt.Errorf("found %d roles, expected %d, one a token", len(roles), len(ids))
	}
	for i, id := range ids {
		if id < 0 || f.tok != nil && int(id) >= f.tok.Size() {
			return Document{}, false, fmt.Errorf("token %d: found id %d, expected 0 to %d", i, id, f.vocabEnd())
		}
	}
	d := Document{IDs: ids, Prefix: f.prefixOf(ids)}
	for i, r := range roles {
		if r > uint8Number(chat.RoleTemplate) {
			return Document{}, false, fmt.Errorf("role %d: found %d, expected 0 to %d", i, r, chat.RoleTemplate)
		}
		d.Roles = append(d.Roles, uint8(r))
	}
	return d, true, nil
}

func (f *File) vocabEnd() int {
	if f.tok == nil {
		return 1<<31 - 1
	}
	return f.tok.Size() - 1
}
