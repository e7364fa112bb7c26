package tokenizer

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"go/format"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

var update = flag.Bool("update", false, "rewrite unicode_tables.go from testdata/unicode.json.gz")

// unicodeGolden is what testdata/make_unicode.py writes.
type unicodeGolden struct {
	Classes map[string][]int
	Scripts [][2]rune
	Lower   map[string]string
}

func readUnicode(t *testing.T) (g unicodeGolden) {
	t.Helper()
	f, err := os.Open("testdata/unicode.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err == nil {
		err = json.NewDecoder(z).Decode(&g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// characters are all code points but surrogates.
func characters(f func(r rune)) {
	for r := range rune(unicode.MaxRune + 1) {
		if utf8.ValidRune(r) {
			f(r)
		}
	}
}

// TestRangesOfClasses: the ranges of a class hold its characters and no others.
func TestRangesOfClasses(t *testing.T) {
	for _, c := range tables {
		rs, wrong := rangesOf(c.prop), 0
		characters(func(r rune) {
			if inRanges(rs, r) != (propsOf(r)&c.prop != 0) {
				wrong++
			}
		})
		for i := 1; i < len(rs); i++ {
			if rs[i].lo <= rs[i-1].hi+1 {
				t.Errorf("%s: %x behind %x", c.name, rs[i], rs[i-1])
			}
		}
		if wrong > 0 {
			t.Errorf("%s: %d characters wrong", c.name, wrong)
		}
	}
}

// members calls f with every character and whether it is in a class.
func members(turns []int, f func(r rune, in bool)) {
	left, i := turns[0], 0
	characters(func(r rune) {
		for ; left == 0; left = turns[i] {
			i++
		}
		left--
		f(r, i%2 == 1)
	})
}

// Classes, scripts and lower case of all characters are those of Hugging Face's
// library. With -update the tables are made new first, for the next run.
func TestUnicode(t *testing.T) {
	g := readUnicode(t)
	if *update {
		writeTables(t, g)
		return
	}
	for _, c := range tables {
		wrong := 0
		members(g.Classes[c.name], func(r rune, in bool) {
			if in != (propsOf(r)&c.prop != 0) {
				wrong++
			}
		})
		if wrong > 0 {
			t.Errorf("class %s: %d characters are wrong", c.name, wrong)
		}
	}
	members(g.Classes["decomposes"], func(r rune, in bool) {
		if got := forms["NFKD"].normalize(newText(string(r))).s != string(r); got != in {
			t.Errorf("%U decomposes: %v, want %v", r, got, in)
		}
	})
	characters(func(r rune) {
		if got := lowercase(newText(string(r))).s; got != lowerOf(g, r) {
			t.Errorf("lower case of %U is %q, want %q", r, got, lowerOf(g, r))
		}
	})
	checkScripts(t, g)
}

func lowerOf(g unicodeGolden, r rune) string {
	if s, ok := g.Lower[strconv.Itoa(int(r))]; ok {
		return s
	}
	return string(r)
}

func checkScripts(t *testing.T, g unicodeGolden) {
	i := -1
	characters(func(r rune) {
		if i+1 < len(g.Scripts) && g.Scripts[i+1][0] == r {
			i++
		}
		if got := scriptOf(r); got != g.Scripts[i][1] {
			t.Errorf("script of %U is that of %U, want %U", r, got, g.Scripts[i][1])
		}
	})
}

// writeTables writes what differs from Go's tables.
func writeTables(t *testing.T, g unicodeGolden) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Made by: go test ./model/tokenizer -run TestUnicode -update. DO NOT EDIT.\n\npackage tokenizer\n\nvar deltas = map[string]delta{\n")
	for _, c := range tables {
		var more, fewer []runeRange
		members(g.Classes[c.name], func(r rune, in bool) {
			switch has := unicode.In(r, c.go15...); {
			case in && !has:
				more = extend(more, r)
			case has && !in:
				fewer = extend(fewer, r)
			}
		})
		fmt.Fprintf(&b, "%q: {%s, %s},\n", c.name, list(more), list(fewer))
	}
	fmt.Fprintf(&b, "}\n\n// lateDecompositions have got a decomposition after Unicode 9.\nvar lateDecompositions = %s\n", list(lateRanges(t, g)))
	fmt.Fprintf(&b, "\n// lowerDeltas are the lower cases that Go does not know.\nvar lowerDeltas = map[rune]rune{")
	characters(func(r rune) {
		if l := []rune(lowerOf(g, r)); len(l) == 1 && l[0] != unicode.ToLower(r) {
			fmt.Fprintf(&b, "%#x: %#x, ", r, l[0])
		}
	})
	fmt.Fprintf(&b, "}\n\nvar scriptStarts = []scriptStart{")
	for _, s := range g.Scripts {
		fmt.Fprintf(&b, "{%#x, %s}, ", s[0], strings.Replace(fmt.Sprintf("%#x", s[1]), "-0x1", "-1", 1))
	}
	fmt.Fprintf(&b, "}\n")
	src, err := format.Source(wrap(b.Bytes()))
	if err == nil {
		err = os.WriteFile("unicode_tables.go", src, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func lateRanges(t *testing.T, g unicodeGolden) (late []runeRange) {
	members(g.Classes["decomposes"], func(r rune, in bool) {
		switch has := norm.NFKD.String(string(r)) != string(r); {
		case has && !in:
			late = extend(late, r)
		case in && !has:
			t.Errorf("%U decomposes, which Go does not know", r)
		}
	})
	return late
}

// wrap breaks long lines after a comma.
func wrap(b []byte) (out []byte) {
	for line := range bytes.Lines(b) {
		for len(line) > 150 {
			i := bytes.LastIndex(line[:150], []byte(", "))
			if i < 0 {
				break
			}
			out = append(append(out, line[:i+1]...), '\n')
			line = line[i+2:]
		}
		out = append(out, line...)
	}
	return out
}

func extend(rs []runeRange, r rune) []runeRange {
	if n := len(rs); n > 0 && rs[n-1].hi == r-1 {
		rs[n-1].hi = r
		return rs
	}
	return append(rs, runeRange{r, r})
}

func list(rs []runeRange) string {
	if len(rs) == 0 {
		return "nil"
	}
	s := "[]runeRange{"
	for _, r := range rs {
		s += fmt.Sprintf("{%#x, %#x}, ", r.lo, r.hi)
	}
	return s + "}"
}
