package tokenizer

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// normalizer rewrites a piece of text and keeps its alignment.
type normalizer interface{ normalize(t text) text }

// normalizeFunc makes a function a normalizer.
type normalizeFunc func(t text) text

func (f normalizeFunc) normalize(t text) text { return f(t) }

// normalizers is the normalizer of type Sequence.
type normalizers []normalizer

func (ns normalizers) normalize(t text) text {
	for _, n := range ns {
		t = n.normalize(t)
	}
	return t
}

// lowercase is Unicode's full lower case without context.
func lowercase(t text) text {
	if !strings.ContainsFunc(t.s, func(r rune) bool { return r == 'İ' || toLower(r) != r }) {
		return t
	}
	cs := make([]change, 0, len(t.s))
	for _, r := range t.s {
		if r == 'İ' { // the only character whose lower case is two
			cs = append(cs, change{'i', 0}, change{'\u0307', 1})
			continue
		}
		cs = append(cs, change{toLower(r), 0})
	}
	return t.transform(cs)
}

// stripAccents drops all marks.
func stripAccents(t text) text { return filter(t, func(r rune) bool { return !isMark(r) }) }

// strip drops white space at the chosen ends.
func strip(left, right bool) normalizer {
	return normalizeFunc(func(t text) text {
		i, j := 0, len(t.s)
		if left {
			i = j - len(strings.TrimLeftFunc(t.s, unicode.IsSpace))
		}
		if right {
			j = max(i, len(strings.TrimRightFunc(t.s, unicode.IsSpace)))
		}
		return t.slice(i, j)
	})
}

// form is one of Unicode's four normalization forms.
type form struct {
	norm    norm.Form
	compat  bool // compatibility decomposition
	compose bool
}

var forms = map[string]form{
	"NFC": {norm.NFC, false, true}, "NFD": {norm.NFD, false, false},
	"NFKC": {norm.NFKC, true, true}, "NFKD": {norm.NFKD, true, false},
}

func (f form) normalize(t text) text {
	if f.norm.IsNormalString(t.s) {
		return t
	}
	cs := decompose(t.s, f.compat)
	if f.compose {
		cs = recompose(cs)
	}
	return t.transform(cs)
}

// byteLevel is the normalizer ByteLevel.
func byteLevelNormalizer(t text) text {
	if t.s == "" {
		return t
	}
	return t.byteLevel()
}
