package tokenizer

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"
)

// pattern finds the matches of a Split or Replace component.
type pattern struct {
	literal string          // set when re and scan are nil
	expr    string          // what re was compiled from
	re      *regexp2.Regexp // Oniguruma patterns need look-ahead
	timed   bool            // re may take a time that is exponential in the text
	scan    scanner
}

// patternTime is how long a pattern that is not tame may look for its matches in a
// text. Others take milliseconds.
var patternTime = 10 * time.Second

// PatternError says that a pattern of the file found neither its matches in a text
// nor that there are none, in a time that is long for any text.
type PatternError struct {
	Pattern, Text string
	Time          time.Duration
}

func (e *PatternError) Error() string {
	return fmt.Sprintf("tokenizer: the pattern %q: looked for its matches in %.40q for %v, expected milliseconds: it repeats what repeats", e.Pattern, e.Text, e.Time)
}

// thrown is an error that deep calls panic with.
type thrown struct{ error }

// catch makes what was thrown an error of the caller.
func catch(err *error) {
	switch p := recover().(type) {
	case nil:
	case thrown:
		*err = p.error
	default:
		panic(p)
	}
}

// newRegex compiles an Oniguruma pattern, or takes the scanner written for it.
func newRegex(expr string) (*pattern, error) {
	if s := scannerFor(expr); s != nil {
		return &pattern{scan: s}, nil
	}
	re, err := compile(expr)
	if err != nil {
		return nil, err
	}
	p := &pattern{re: re, expr: expr, timed: !tame(expr)}
	if p.timed {
		re.MatchTimeout = patternTime
	}
	return p, nil
}

// find returns the byte ranges of the matches in s, from the left.
func (p *pattern) find(s string) [][2]int {
	switch {
	case p.scan != nil:
		return p.tile(s)
	case p.re != nil:
		return p.search(s)
	}
	if p.literal == "" {
		return between(s)
	}
	var out [][2]int
	for from := 0; ; {
		i := strings.Index(s[from:], p.literal)
		if i < 0 {
			break
		}
		out = append(out, [2]int{from + i, from + i + len(p.literal)})
		from += i + len(p.literal)
	}
	return out
}

func (p *pattern) tile(s string) (out [][2]int) {
	for i := 0; i < len(s); {
		j := p.scan(s, i)
		out = append(out, [2]int{i, j})
		i = j
	}
	return out
}

// between matches the empty string around every character.
func between(s string) (out [][2]int) {
	for i := range s {
		out = append(out, [2]int{i, i})
	}
	return append(out, [2]int{len(s), len(s)})
}

// search runs the regular expression. As in Oniguruma's iterator there is no
// empty match right behind another match. It throws a
// PatternError.
func (p *pattern) search(s string) (out [][2]int) {
	runes := []rune(s)
	at := make([]int, len(runes)+1)
	for i, r := range runes {
		at[i+1] = at[i] + utf8.RuneLen(r)
	}
	last, start, late := -1, time.Now(), false
	err := p.re.FindRunesMatches(runes, 0, func(m regexp2.MatchView) bool {
		if i, n, ok := m.GroupRange(0); ok && (n > 0 || i > last) {
			out = append(out, [2]int{at[i], at[i+n]})
			last = i + n
		}
		late = p.timed && time.Since(start) > patternTime
		return !late
	})
	if err != nil || late { // there is no other error than the time
		panic(thrown{&PatternError{p.expr, s, patternTime}})
	}
	return out
}

// part is a stretch of text between or on matches.
type part struct {
	start, end int
	match      bool
}

// cover turns matches into parts that cover s without gaps.
func cover(s string, matches [][2]int, invert bool) []part {
	out := make([]part, 0, 2*len(matches)+1)
	last := 0
	for _, m := range matches {
		if m[0] > last {
			out = append(out, part{last, m[0], invert})
		}
		out = append(out, part{m[0], m[1], !invert})
		last = m[1]
	}
	if last < len(s) {
		out = append(out, part{last, len(s), invert})
	}
	return out
}

// behavior says what becomes of matches when a text is split at them.
type behavior string

const (
	removed            behavior = "Removed"
	isolated           behavior = "Isolated"
	mergedWithPrevious behavior = "MergedWithPrevious"
	mergedWithNext     behavior = "MergedWithNext"
	contiguous         behavior = "Contiguous"
)

func (b behavior) known() bool {
	switch b {
	case removed, isolated, mergedWithPrevious, mergedWithNext, contiguous:
		return true
	}
	return false
}

// apply merges or drops parts.
func (b behavior) apply(ps []part) []part {
	out := ps[:0]
	switch b {
	case removed:
		for _, p := range ps {
			if !p.match {
				out = append(out, p)
			}
		}
	case mergedWithPrevious, contiguous:
		prev := false
		for _, p := range ps {
			join := p.match && !prev
			if b == contiguous {
				join = p.match == prev
			}
			if join && len(out) > 0 {
				out[len(out)-1].end = p.end
			} else {
				out = append(out, p)
			}
			prev = p.match
		}
	case mergedWithNext:
		return mergeNext(ps)
	default:
		return ps
	}
	return out
}

// mergeNext goes from the right, as a match joins what follows it unless that
// is a match too.
func mergeNext(ps []part) []part {
	out, next := make([]part, 0, len(ps)), false
	for i := len(ps) - 1; i >= 0; i-- {
		p := ps[i]
		if p.match && !next && len(out) > 0 {
			out[len(out)-1].start = p.start
		} else {
			out = append(out, p)
		}
		next = p.match
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}
