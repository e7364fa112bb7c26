package tokenizer

import "unicode/utf8"

// Classes of o200kPattern: what may begin a word (capitals), what may go on in
// it (small letters), and what may do both (letters without case and marks).
const (
	propBoth    = propLm | propLo | propM
	propCapital = propLu | propLt | propBoth
	propSmall   = propLl | propBoth
)

// propsAt is the classes and the width of the character at byte i; nothing at
// the end.
func propsAt(s string, i int) (props, int) {
	if i >= len(s) {
		return 0, 0
	}
	if c := s[i]; c < utf8.RuneSelf {
		return asciiProps[c], 1
	}
	r, w := utf8.DecodeRuneInString(s[i:])
	return propsOf(r), w
}

var asciiProps = func() (t [utf8.RuneSelf]props) {
	for r := range t {
		t[r] = propsOf(rune(r))
	}
	return
}()

// scanO200K is o200kPattern.
func scanO200K(s string, i int) int {
	if end := wordO200K(s, i); end > i {
		if end < len(s) && s[end] == '\'' {
			end += contraction(s, end, true)
		}
		return end
	}
	c, _ := classAt(s, i)
	switch {
	case c == classNumber:
		return scanDigits(s, i, 3)
	case c == classOther:
		return newlinesOrSlashes(s, run(s, i, classOther))
	case s[i] == ' ':
		if next, _ := classAt(s, i+1); next == classOther {
			return newlinesOrSlashes(s, run(s, i+1, classOther))
		}
	}
	if end := lastNewline(s, i); end > i {
		return end
	}
	return spaces(s, i)
}

// wordO200K is the end of a word: perhaps one character that is no letter and
// no digit, capitals, small letters. When no small letter follows the capitals
// the pattern gives them back up to the last character that counts as both;
// without one all capitals are the word. i when there is none.
func wordO200K(s string, i int) int {
	first, w := propsAt(s, i)
	start := i
	if first&(propL|propN) == 0 && s[i] != '\r' && s[i] != '\n' {
		start += w
	}
	k, both := start, 0
	p, w := propsAt(s, k)
	for p&propCapital != 0 {
		k += w
		if p&propBoth != 0 {
			both = k
		}
		p, w = propsAt(s, k)
	}
	switch {
	case p&propLl != 0:
		for p&propSmall != 0 {
			k += w
			p, w = propsAt(s, k)
		}
		return k
	case both > 0:
		return both
	case start > i && first&propM != 0:
		return start
	case k > start:
		return k
	}
	return i
}

// newlinesOrSlashes is the end of the \r, \n and / at byte i.
func newlinesOrSlashes(s string, i int) int {
	for i < len(s) && (s[i] == '\n' || s[i] == '\r' || s[i] == '/') {
		i++
	}
	return i
}

// tileDigits is threeDigits.
func tileDigits(s string, i int) int {
	if end := scanDigits(s, i, 3); end > i {
		return end
	}
	for i < len(s) {
		c, w := classAt(s, i)
		if c == classNumber {
			break
		}
		i += w
	}
	return i
}

// tileCJK is deepSeekCJK.
func tileCJK(s string, i int) int {
	r, w := utf8.DecodeRuneInString(s[i:])
	in := isDeepSeekCJK(r)
	for i += w; i < len(s); i += w {
		if s[i] < utf8.RuneSelf && !in {
			w = 1
			continue
		}
		if r, w = utf8.DecodeRuneInString(s[i:]); isDeepSeekCJK(r) != in {
			break
		}
	}
	return i
}

func isDeepSeekCJK(r rune) bool { return r >= '一' && r <= '龥' || r >= 0x3040 && r <= 'ヿ' }

// tileDeepSeek is deepSeekPattern.
func tileDeepSeek(s string, i int) int {
	if end := scanDeepSeek(s, i); end > i {
		return end
	}
	for i < len(s) {
		_, w := utf8.DecodeRuneInString(s[i:])
		if i += w; i < len(s) && scanDeepSeek(s, i) > i {
			break
		}
	}
	return i
}

// scanDeepSeek is the end of the match of deepSeekPattern at byte i, i when
// there is none.
func scanDeepSeek(s string, i int) int {
	p, w := propsAt(s, i)
	if s[i] < utf8.RuneSelf && p&propPunctuation != 0 {
		if end := asciiLetters(s, i+1); end > i+1 {
			return end
		}
	}
	if p&(propL|propP|propS) == 0 && s[i] != '\r' && s[i] != '\n' {
		if end := runProps(s, i+w, propL|propM); end > i+w {
			return end
		}
	}
	if end := runProps(s, i, propL|propM); end > i {
		return end
	}
	start := i
	if s[i] == ' ' {
		start++
	}
	if end := runProps(s, start, propP|propS); end > start {
		return newlines(s, end)
	}
	if p&propSpace == 0 {
		return i
	}
	if end := lastNewline(s, i); end > i {
		return end
	}
	return spaces(s, i)
}

func asciiLetters(s string, i int) int {
	for i < len(s) && (s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z') {
		i++
	}
	return i
}

// runProps is the end of the characters at byte i that have one of the classes.
func runProps(s string, i int, any props) int {
	for {
		p, w := propsAt(s, i)
		if p&any == 0 {
			return i
		}
		i += w
	}
}
