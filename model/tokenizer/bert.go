package tokenizer

import "unicode/utf8"

// bertNormalizer cleans a text as BERT's tokenizers do, in this order.
type bertNormalizer struct {
	clean        bool // drop control characters, make white space a space
	chinese      bool // put spaces around Chinese characters
	stripAccents bool
	lowercase    bool
}

func (n bertNormalizer) normalize(t text) text {
	if n.clean {
		t = mapRunes(filter(t, isClean), cleanSpace)
	}
	if n.chinese {
		t = spaceChinese(t)
	}
	if n.stripAccents {
		t = filter(forms["NFD"].normalize(t), func(r rune) bool { return !isNonspacing(r) })
	}
	if n.lowercase {
		t = lowercase(t)
	}
	return t
}

// isClean accepts what clean keeps.
func isClean(r rune) bool {
	return r != 0 && r != utf8.RuneError && (r == '\t' || r == '\n' || r == '\r' || !isOther(r))
}

func cleanSpace(r rune) rune {
	if isSpace(r) {
		return ' '
	}
	return r
}

// spaceChinese puts a space before and after every Chinese character.
func spaceChinese(t text) text {
	cs, found := make([]change, 0, len(t.s)), false
	for _, r := range t.s {
		if !isChinese(r) {
			cs = append(cs, change{r, 0})
			continue
		}
		found = true
		cs = append(cs, change{' ', 0}, change{r, 1}, change{' ', 1})
	}
	if !found {
		return t
	}
	return t.transform(cs)
}

// isChinese is BERT's idea of a CJK ideograph.
func isChinese(r rune) bool {
	switch {
	case r < 0x3400:
		return false
	case r <= 0x9FFF:
		return r >= 0x4E00 || r <= 0x4DBF
	case r <= 0xFAFF:
		return r >= 0xF900
	}
	return r >= 0x20000 && r <= 0x2A6DF || r >= 0x2A700 && r <= 0x2B81F || r >= 0x2B920 && r <= 0x2CEAF || r >= 0x2F800 && r <= 0x2FA1F
}

// nmt is the normalizer Nmt: some control characters go, and everything that
// separates becomes a space.
func nmt(t text) text {
	return mapRunes(filter(t, nmtKeeps), func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\f', r == '\r', r == 0x1680, r >= 0x200B && r <= 0x200F,
			r == 0x2028, r == 0x2029, r == 0x2581, r == 0xFEFF, r == 0xFFFD:
			return ' '
		}
		return r
	})
}

func nmtKeeps(r rune) bool {
	return !(r >= 1 && r <= 8 || r == 0x0B || r >= 0x0E && r <= 0x1F || r == 0x7F || r == 0x8F || r == 0x9F)
}

// filter drops the characters that keep refuses.
func filter(t text, keep func(rune) bool) text {
	var drop [][2]int
	for i, r := range t.s {
		if !keep(r) {
			drop = append(drop, [2]int{i, i + utf8.RuneLen(r)})
		}
	}
	return t.replace(drop, "")
}

// mapRunes replaces characters one by one.
func mapRunes(t text, f func(rune) rune) text {
	same := true
	cs := make([]change, 0, len(t.s))
	for _, r := range t.s {
		to := f(r)
		same = same && to == r
		cs = append(cs, change{to, 0})
	}
	if same {
		return t
	}
	return t.transform(cs)
}
