package activations

import (
	"bytes"

	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"unicode/utf8"

	"agar/activations/manifest"
	"agar/model/chat"
	"agar/model/tokenizer"
)

// Document is one document of the data, tokenized.
type Document struct {
	Index  int32   // among the documents of the data, from 0, empty ones counted
	IDs    []int32 // token ids, at least one
	Roles  []uint8 // one a token; nil means all plain
	Prefix int     // how many ids at the start the tokenizer puts before every text, such as BOS
}

// Documents hands out documents with ascending Index; io.EOF ends them. Empty
// documents are stepped over.
type Documents interface {
	Next() (Document, error)
}

// Positioner is the ability of Documents to say how far they are.
type Positioner interface {
	// Position is the bytes read and the bytes there are, 0 when that is not
	// known.
	Position() (read, total int64)
}

// Referrer is the ability of Documents to say what they are.
type Referrer interface {
	// Ref names the data and its SHA-256; for standard input that of what was
	// read so far.
	Ref() manifest.Ref
}

// DocumentOptions says how to read documents. The zero value reads files and
// standard input, and plain texts as plain texts.
type DocumentOptions struct {
	Chat  bool      // a text is what a user says: it goes through the chat template
	Stdin io.Reader // read for the path "-"; nil means os.Stdin
}

// Mark says what a document belongs to, beyond its place in the data: the group (a
// question), the sample of it, and what a judge called it.
type Mark struct {
	Group, Sample int32 // −1: none
	Label         uint8 // LabelNone to LabelIncoherent
}

// What a judge can call an answer, as numbers in the column label.
const (
	LabelNone uint8 = iota
	LabelAligned
	LabelMisaligned
	LabelMixed
	LabelIncoherent
)

// Marks are the marks of all documents by index.
type Marks struct {
	Groups []string // names by number
	Of     []Mark
}

// of is the mark of a document.
func (m *Marks) of(doc int32) Mark {
	if int(doc) >= len(m.Of) {
		return Mark{Group: -1, Sample: -1}
	}
	return m.Of[doc]
}

// Marker is the ability of Documents to know what they belong to; their rows are
// stored with the columns group, sample and label then.
type Marker interface {
	// Marks is nil where documents belong to nothing.
	Marks() *Marks
}

// ErrNoDocuments is returned by Capture, wrapped, for data without any text.
var ErrNoDocuments = errors.New("the data holds no text")

// File is the documents of a file or of standard input.
//
// A JSONL file (.jsonl, .ndjson, or any but .txt whose first character is a
// brace) has one object a line with exactly one of
//
//	{"text": "…"}                     tokenized with what the tokenizer puts around a text
//	{"messages": [{"role", "content"}]}  through the chat template; roles by message
//	{"tokens": [1, 2], "roles": [0, 0]}  taken as it is; roles may be absent
//
// and any other members. An Arrow file of answers, as agar judge writes it
// (responses.arrow), has one a row: its columns prompt and answer, and system if there
// is one, go through the chat template; question, sample and label become Marks.
// Anything else is plain text: lines end at \n, blank lines separate documents.
//
// A text that begins with the tokenizer's prefix gets no second one. Errors name
// the file and the line.
type File struct {
	r    *lineReader
	tok  *tokenizer.Tokenizer
	tpl  *chat.Template
	o    DocumentOptions
	next func() (Document, bool, error)
	doc  int32
	ref  manifest.Ref
	size int64
	c    io.Closer

	answers *answerTable // of an Arrow file
}

// OpenDocuments opens the documents at path, "-" for standard input. tok may be
// nil when all documents are tokens, tpl when none needs a template.
func OpenDocuments(path string, tok *tokenizer.Tokenizer, tpl *chat.Template, o DocumentOptions) (*File, error) {
	f := &File{tok: tok, tpl: tpl, o: o}
	if path == "-" {
		if o.Stdin == nil {
			o.Stdin = os.Stdin
		}
		f.r = newLineReader("standard input", o.Stdin)
	} else if err := f.openFile(path); err != nil {
		return nil, fmt.Errorf("activations: %w", err)
	}
	f.next = f.paragraph
	if head, _ := f.r.br.Peek(len(magic)); bytes.Equal(head, magic) {
		if err := f.readAnswers(); err != nil {
			return nil, errors.Join(fmt.Errorf("activations: %s: %w", path, err), f.Close())
		}
		return f, nil
	}
	if f.r.isJSONL(path) {
		f.next = f.record
	}
	return f, nil
}

func (f *File) openFile(path string) error {
	ref, err := manifest.RefOf(path)
	if err != nil {
		return err
	}
	fd, err := os.Open(path)
	if err != nil {
		return err
	}
	st, err := fd.Stat()
	if err != nil {
		return errors.Join(err, fd.Close())
	}
	f.ref, f.size, f.c = ref, st.Size(), fd
	f.r = newLineReader(path, fd)
	return nil
}

// Close closes the file.
func (f *File) Close() error {
	if f.c == nil {
		return nil
	}
	return f.c.Close()
}

// Position tells how much of the data was read.
func (f *File) Position() (read, total int64) { return f.r.read, f.size }

// Ref names the data.
func (f *File) Ref() manifest.Ref {
	if f.c != nil {
		return f.ref
	}
	return manifest.Ref{Path: "-", SHA256: hex.EncodeToString(f.r.hash.Sum(nil))}
}

// Next reads the next document that is not empty.
func (f *File) Next() (Document, error) {
	for {
		d, ok, err := f.next()
		if errors.Is(err, io.EOF) {
			return Document{}, io.EOF
		}
		if err != nil {
			return Document{}, fmt.Errorf("activations: %s: line %d: %w", f.r.name, f.r.first, err)
		}
		if f.doc++; f.doc < 0 {
			return Document{}, fmt.Errorf("activations: %s: line %d: found more than 2³¹ documents", f.r.name, f.r.first)
		}
		if !ok || len(d.IDs) == 0 {
			continue
		}
		d.Index = f.doc - 1
		return d, nil
	}
}

// paragraph reads a plain text up to a blank line.
func (f *File) paragraph() (Document, bool, error) {
	var text []byte
	for {
		line, err := f.r.line()
		blank := len(bytes.TrimSpace(line)) == 0
		if err != nil && (!errors.Is(err, io.EOF) || len(text) == 0) {
			return Document{}, false, err
		}
		if err == nil && !blank {
			if len(text) == 0 {
				f.r.first = f.r.n
			}
			text = append(append(text, line...), '\n')
			continue
		}
		if len(text) > 0 {
			return f.text(string(text[:len(text)-1]))
		}
	}
}

// text tokenizes a text; ok is false for one without tokens of its own.
func (f *File) text(text string) (d Document, ok bool, err error) {
	if !utf8.ValidString(text) {
		return d, false, errors.New("found bytes that are no UTF-8")
	}
	if text == "" {
		return d, false, nil
	}
	if f.o.Chat {
		return f.messages([]chat.Message{{Role: "user", Content: text}})
	}
	if f.tok == nil {
		return d, false, errors.New("found a text, expected tokens: there is no tokenizer")
	}
	e, err := f.tok.Encode(text, true)
	if err != nil {
		return d, false, err
	}
	ids, prefix := e.IDs, f.tok.Prefix()
	if !hasPrefix(ids, prefix) {
		return d, false, fmt.Errorf("the tokenizer puts %v before a text, but this one begins with %v", prefix, ids[:min(len(ids), len(prefix))])
	}
	if len(ids) == len(prefix) {
		return d, false, nil
	}
	if p := len(prefix); p > 0 && hasPrefix(ids[p:], prefix) {
		ids = ids[p:]
	}
	return Document{IDs: ids, Prefix: len(prefix)}, true, nil
}

// messages renders and tokenizes a conversation.
func (f *File) messages(msgs []chat.Message) (d Document, ok bool, err error) {
	switch {
	case len(msgs) == 0:
		return d, false, nil
	case f.tpl == nil || f.tok == nil:
		return d, false, errors.New("found messages, but the model has no chat template")
	}
	ids, roles, err := f.tpl.Tokenize(f.tok, msgs, false)
	if err != nil {
		return d, false, err
	}
	return Document{IDs: ids, Roles: roles, Prefix: f.prefixOf(ids)}, true, nil
}

// prefixOf is the length of the tokenizer's prefix when ids really begin with it.
func (f *File) prefixOf(ids []int32) int {
	if f.tok == nil {
		return 0
	}
	if p := f.tok.Prefix(); hasPrefix(ids, p) {
		return len(p)
	}
	return 0
}

func hasPrefix(ids, prefix []int32) bool {
	return len(ids) >= len(prefix) && slices.Equal(ids[:len(prefix)], prefix)
}
