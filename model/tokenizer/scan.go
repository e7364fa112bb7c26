package tokenizer

import "unicode/utf8"

// Split patterns that a scanner written by hand replaces. They cover every
// text: a match begins where the last one ended.
const (
	gpt2Pattern   = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	llama3Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	o200kPattern  = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	qwen2Pattern  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// Patterns of DeepSeek, which are three splits in a row.
const (
	threeDigits     = `\p{N}{1,3}`
	deepSeekCJK     = "[一-龥\u3040-ゟ゠-ヿ]+"
	deepSeekPattern = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
)

// scanner returns the end of the match that begins at byte i of valid UTF-8 s,
// i < len(s). One for tiles instead returns the end of what begins there,
// whether it is a match or what lies before the next one.
type scanner func(s string, i int) int

// scannerFor is the scanner written for a pattern whose matches cover every
// text, or nil.
func scannerFor(pattern string) scanner {
	switch pattern {
	case gpt2Pattern:
		return scanGPT2
	case llama3Pattern:
		return func(s string, i int) int { return scanCL100K(s, i, 3) }
	case qwen2Pattern:
		return func(s string, i int) int { return scanCL100K(s, i, 1) }
	case o200kPattern:
		return scanO200K
	}
	return nil
}

// tilesFor is the scanner written for a pattern whose matches leave gaps, or
// nil.
func tilesFor(pattern string) scanner {
	switch pattern {
	case threeDigits:
		return tileDigits
	case deepSeekCJK:
		return tileCJK
	case deepSeekPattern:
		return tileDeepSeek
	}
	return nil
}

type class uint8

const (
	classOther class = iota
	classLetter
	classNumber
	classSpace
	classEnd // past the end of the text
)

var asciiClass = func() (t [utf8.RuneSelf]class) {
	for r := range t {
		t[r] = classOf(rune(r))
	}
	return
}()

func classOf(r rune) class {
	switch p := propsOf(r); {
	case p&propL != 0:
		return classLetter
	case p&propN != 0:
		return classNumber
	case p&propSpace != 0:
		return classSpace
	}
	return classOther
}

// classAt is the class and the width of the character at byte i.
func classAt(s string, i int) (class, int) {
	if i >= len(s) {
		return classEnd, 0
	}
	if c := s[i]; c < utf8.RuneSelf {
		return asciiClass[c], 1
	}
	r, w := utf8.DecodeRuneInString(s[i:])
	return classOf(r), w
}

// run is the end of the run of class c that begins at byte i.
func run(s string, i int, c class) int {
	for {
		k, w := classAt(s, i)
		if k != c {
			return i
		}
		i += w
	}
}

// contraction is the length of 's 't 'm 'd 're 've 'll at byte i, where s[i] is
// an apostrophe, or 0. Folding covers ſ, whose case folding is s.
func contraction(s string, i int, fold bool) int {
	a, b := lowerAt(s, i+1, fold), lowerAt(s, i+2, fold)
	switch {
	case a == 's' || a == 't' || a == 'm' || a == 'd':
		return 2
	case a == 'r' && b == 'e' || a == 'v' && b == 'e' || a == 'l' && b == 'l':
		return 3
	case fold && i+2 < len(s) && s[i+1:i+3] == "ſ":
		return 3
	}
	return 0
}

func lowerAt(s string, i int, fold bool) byte {
	if i >= len(s) {
		return 0
	}
	if c := s[i]; fold && c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return s[i]
}

// spaces ends a match that is white space alone: all of it at the end of the
// text, else all but the last character, which belongs to what follows.
func spaces(s string, i int) int {
	end := run(s, i, classSpace)
	if end == len(s) {
		return end
	}
	_, w := utf8.DecodeLastRuneInString(s[i:end])
	if end-w > i {
		return end - w
	}
	return end
}

// scanGPT2 is gpt2Pattern.
func scanGPT2(s string, i int) int {
	if s[i] == '\'' {
		if n := contraction(s, i, false); n > 0 {
			return i + n
		}
	}
	c, w := classAt(s, i)
	if s[i] == ' ' {
		if n, _ := classAt(s, i+1); n != classSpace && n != classEnd {
			return run(s, i+1, n)
		}
	}
	if c == classSpace {
		return spaces(s, i)
	}
	return run(s, i+w, c)
}

// scanCL100K is llama3Pattern with at most digits digits in a match.
func scanCL100K(s string, i, digits int) int {
	if s[i] == '\'' {
		if n := contraction(s, i, true); n > 0 {
			return i + n
		}
	}
	c, w := classAt(s, i)
	if c == classLetter {
		return run(s, i+w, classLetter)
	}
	next, _ := classAt(s, i+w)
	switch {
	case c == classNumber:
		return scanDigits(s, i, digits)
	case next == classLetter && s[i] != '\r' && s[i] != '\n':
		return run(s, i+w, classLetter)
	case c == classOther:
		return newlines(s, run(s, i, classOther))
	case s[i] == ' ' && next == classOther:
		return newlines(s, run(s, i+1, classOther))
	}
	if end := lastNewline(s, i); end > i {
		return end
	}
	return spaces(s, i)
}

func scanDigits(s string, i, most int) int {
	for range most {
		c, w := classAt(s, i)
		if c != classNumber {
			break
		}
		i += w
	}
	return i
}

// newlines is the end of the carriage returns and line feeds at byte i.
func newlines(s string, i int) int {
	for i < len(s) && (s[i] == '\n' || s[i] == '\r') {
		i++
	}
	return i
}

// lastNewline is the end of the last \r or \n in the white space at byte i, or
// i when it has none.
func lastNewline(s string, i int) int {
	end := run(s, i, classSpace)
	for ; end > i && s[end-1] != '\n' && s[end-1] != '\r'; end-- {
	}
	return end
}
