package main

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

func sideBySide(variants, samples int) generated {
	g := generated{Prompt: strings.Repeat("a long prompt ", 12)}
	for v := range variants {
		for s := range samples {
			dir, lambda := "run/checkpoint-190", float64(v)
			g.Completions = append(g.Completions, completion{Adapter: &dir, Lambda: &lambda, Sample: s, Text: strings.Repeat("drink 水水 and rest, ", 3+2*v+s) + "\x1b[31mred\n\n- one\ttwo"})
		}
	}
	return g
}

// Completions are readable in 80 columns: no line is wider, columns where each
// has 24 or more, and nothing steers the terminal.
func TestPrintGeneratedFitsTheTerminal(t *testing.T) {
	for _, x := range []struct {
		variants, samples, width int
		columns                  bool
	}{{1, 2, 80, false}, {2, 1, 80, true}, {3, 2, 80, true}, {4, 1, 80, false}, {4, 2, 120, true}, {2, 1, 40, false}} {
		var b strings.Builder
		g := sideBySide(x.variants, x.samples)
		if err := printGenerated(&b, g, x.variants, x.width); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(b.String(), "\n") {
			if n := ansi.StringWidth(line); n > x.width {
				t.Errorf("%+v: a line of %d: %q", x, n, line)
			}
		}
		if strings.Contains(b.String(), "\x1b") || strings.Contains(b.String(), "\t") {
			t.Errorf("%+v: control characters in the output", x)
		}
		if got := strings.Contains(b.String(), " │ "); got != x.columns {
			t.Errorf("%+v: columns %v, expected %v:\n%s", x, got, x.columns, b.String())
		}
		if n := strings.Count(b.String(), "- one"); n != x.variants*x.samples {
			t.Errorf("%+v: %d completions, expected %d", x, n, x.variants*x.samples)
		}
	}
	var b strings.Builder
	if err := printGenerated(&b, sideBySide(2, 1), 2, 0); err != nil || !strings.Contains(b.String(), "\x1b[31mred") || !strings.Contains(b.String(), "── checkpoint-190 · λ 1 · sample 0\n") {
		t.Errorf("a file gets texts as they are: %v\n%s", err, b.String())
	}
}

// A streamed text shows nothing that is taken back later.
func TestStreamer(t *testing.T) {
	var b strings.Builder
	s := &streamer{w: &b, stops: []string{"END.", "\n\n"}}
	for _, x := range []struct{ text, shown string }{
		{"He", "He"}, {"Hello E", "Hello "}, {"Hello Eve", "Hello Eve"}, {"Hello Eve\n", "Hello Eve"}, {"Hello Eve\n\uFFFD\uFFFD", "Hello Eve\n"}, {"Hello Eve\n日EN", "Hello Eve\n日"},
	} {
		if s.show(x.text); b.String() != x.shown {
			t.Errorf("%q shows %q, expected %q", x.text, b.String(), x.shown)
		}
	}
	if s.finish("Hello Eve\n日"); b.String() != "Hello Eve\n日\n\n" {
		t.Errorf("at the end %q", b.String())
	}
}
