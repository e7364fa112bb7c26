package tokenizer

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decoder rewrites the list of tokens; what is left at the end is joined.
type decoder interface {
	decode(tokens []string) []string
}

// Decode is the text that ids stand for; ids that are not in the vocabulary
// are passed over, and with skipSpecial special tokens too. Without a decoder
// in the file tokens are joined by spaces.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		if !t.has(id) || skipSpecial && t.special[t.tokens[id]] {
			continue
		}
		tokens = append(tokens, t.tokens[id])
	}
	if len(t.decoders) == 0 {
		return strings.Join(tokens, " ")
	}
	for _, d := range t.decoders {
		tokens = d.decode(tokens)
	}
	return strings.Join(tokens, "")
}

type byteLevelDecoder struct{}

func (byteLevelDecoder) decode(tokens []string) []string {
	var b []byte
	for _, s := range tokens {
		if raw, ok := fromByteLevel(s); ok {
			b = append(b, raw...)
		} else {
			b = append(b, s...)
		}
	}
	return []string{lossy(b)}
}

// fallbackDecoder turns runs of <0xHH> tokens into text.
type fallbackDecoder struct{}

func (fallbackDecoder) decode(tokens []string) []string {
	var out []string
	var run []byte
	flush := func() {
		if len(run) > 0 && utf8.Valid(run) {
			out = append(out, string(run))
		} else {
			for range run {
				out = append(out, "\uFFFD")
			}
		}
		run = run[:0]
	}
	for _, s := range tokens {
		if b, ok := byteToken(s); ok {
			run = append(run, b)
			continue
		}
		flush()
		out = append(out, s)
	}
	flush()
	return out
}

// byteToken reads <0xHH>, and <0x+H> as the Rust library does.
func byteToken(s string) (byte, bool) {
	if len(s) != 6 || s[:3] != "<0x" || s[5] != '>' {
		return 0, false
	}
	if s[3] == '+' {
		s = s[:3] + "0" + s[4:]
	}
	v, err := strconv.ParseUint(s[3:5], 16, 8)
	return byte(v), err == nil
}

type fuseDecoder struct{}

func (fuseDecoder) decode(tokens []string) []string { return []string{strings.Join(tokens, "")} }

// stripDecoder removes up to start contents before and stop after each token.
type stripDecoder struct {
	content     string
	start, stop int
}

func (d stripDecoder) decode(tokens []string) []string {
	for i, s := range tokens {
		for n := 0; n < d.start && d.content != "" && strings.HasPrefix(s, d.content); n++ {
			s = s[len(d.content):]
		}
		for n := 0; n < d.stop && d.content != "" && strings.HasSuffix(s, d.content); n++ {
			s = s[:len(s)-len(d.content)]
		}
		tokens[i] = s
	}
	return tokens
}

type replaceDecoder struct {
	pattern *pattern
	content string
}

func (d replaceDecoder) decode(tokens []string) []string {
	for i, s := range tokens {
		tokens[i] = text{s: s, orig: s}.replace(d.pattern.find(s), d.content).s
	}
	return tokens
}

// metaspaceDecoder turns marks into spaces; the first token's mark was added
// when the text was encoded.
type metaspaceDecoder struct {
	mark  string
	added bool
}

func (d metaspaceDecoder) decode(tokens []string) []string {
	for i, s := range tokens {
		if i == 0 && d.added {
			tokens[i] = strings.ReplaceAll(s, d.mark, "")
			continue
		}
		tokens[i] = strings.ReplaceAll(s, d.mark, " ")
	}
	return tokens
}

// wordPieceDecoder joins tokens with the prefix to those before them and puts a
// space before the others.
type wordPieceDecoder struct {
	prefix  string
	cleanup bool
}

func (d wordPieceDecoder) decode(tokens []string) []string {
	for i, s := range tokens {
		if i > 0 {
			if rest, ok := strings.CutPrefix(s, d.prefix); ok {
				s = rest
			} else {
				s = " " + s
			}
		}
		if d.cleanup {
			s = cleanUp(s)
		}
		tokens[i] = s
	}
	return tokens
}

// cleanUps are the rewritings of English that some decoders do, in order.
var cleanUps = [][2]string{
	{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"},
	{" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
}

func cleanUp(s string) string {
	if !strings.Contains(s, " ") {
		return s
	}
	for _, c := range cleanUps {
		s = strings.ReplaceAll(s, c[0], c[1])
	}
	return s
}

// bpeDecoder turns the suffix that ends words into spaces.
type bpeDecoder struct{ suffix string }

func (d bpeDecoder) decode(tokens []string) []string {
	for i, s := range tokens {
		space := " "
		if i == len(tokens)-1 {
			space = ""
		}
		tokens[i] = strings.ReplaceAll(s, d.suffix, space)
	}
	return tokens
}

// ctcDecoder is for speech: repeated tokens count once, padding is dropped.
type ctcDecoder struct {
	pad, delimiter string
	cleanup        bool
}

func (d ctcDecoder) decode(tokens []string) []string {
	var out []string
	for i, s := range tokens {
		if i > 0 && s == tokens[i-1] {
			continue
		}
		s = strings.ReplaceAll(s, d.pad, "")
		if d.cleanup {
			s = strings.ReplaceAll(cleanUp(s), d.delimiter, " ")
		}
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// Piece is how one token reads in running text, for display: the byte-level
// alphabet and marks for spaces are undone, and bytes that are no valid UTF-8
// on their own read ⟨E2⟩. An id outside the vocabulary reads ⟨id 123⟩.
func (t *Tokenizer) Piece(id int32) string {
	if !t.has(id) {
		return fmt.Sprintf("⟨id %d⟩", id)
	}
	s := t.tokens[id]
	if _, ok := t.added[id]; ok {
		return s
	}
	for _, d := range t.decoders {
		switch d := d.(type) {
		case byteLevelDecoder:
			if raw, ok := fromByteLevel(s); ok {
				return hexInvalid(string(raw))
			}
		case fallbackDecoder:
			if b, ok := byteToken(s); ok {
				return hexInvalid(string([]byte{b}))
			}
		case replaceDecoder:
			s = d.decode([]string{s})[0]
		case wordPieceDecoder:
			if rest, ok := strings.CutPrefix(s, d.prefix); ok {
				return rest
			}
			return " " + s
		case bpeDecoder:
			s = strings.ReplaceAll(s, d.suffix, " ")
		case metaspaceDecoder:
			s = strings.ReplaceAll(s, d.mark, " ")
		}
	}
	return s
}

// hexInvalid writes bytes that are no valid UTF-8 as ⟨HH⟩.
func hexInvalid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, w := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && w == 1 {
			fmt.Fprintf(&b, "⟨%02X⟩", s[i])
		} else {
			b.WriteString(s[i : i+w])
		}
		i += w
	}
	return b.String()
}
