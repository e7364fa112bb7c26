package tui

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"agar/tui/cell"
)

func TestHeatStep(t *testing.T) {
	for _, c := range []struct {
		act, top float64
		want     int
	}{
		{0, 8, 0}, {-1, 8, 0}, {math.NaN(), 8, 0}, {.01, 8, 1}, {1, 8, 1}, {1.01, 8, 2}, {7.9, 8, 8}, {8, 8, 8}, {9, 8, 8}, {1, 0, 0}, {1, math.NaN(), 0},
	} {
		if got := heatStep(c.act, c.top); got != c.want {
			t.Errorf("heatStep(%v, %v) = %d, expected %d", c.act, c.top, got, c.want)
		}
	}
}

func TestHeatForms(t *testing.T) {
	ex := Example{Tokens: []string{" you", " double", " dose", "\n"}, Acts: []float64{0, 8, 3, 1}, Peak: 1, Max: 8}
	for form, want := range map[heatForm]string{
		heatColor: "you double dose⏎", heatSubscript: "you double₈ dose₃⏎₁", heatBrackets: "you double[8] dose[3]⏎[1]",
	} {
		lines := heatLayout(ex, 8, 40, 1, form)
		if got := strings.ReplaceAll(plainRuns(lines), "\n", "⏎"); got != want {
			t.Errorf("got %q, expected %q", got, want)
		}
	}
	if got, want := plainHeat(ex, 8), " you double[8] dose[3]⏎[1]"; got != want {
		t.Errorf("line mode: got %q, expected %q", got, want)
	}
}

// plainRuns is laid out text, its lines joined by |.
func plainRuns(lines [][]heatRun) string {
	var out []string
	for _, l := range lines {
		s := ""
		for _, r := range l {
			s += r.text
		}
		out = append(out, s)
	}
	return strings.Join(out, "|")
}

// TestHeatLayoutKeepsItsRoom: no line is wider than asked, there are no more of
// them, and the firing token is always shown.
func TestHeatLayoutKeepsItsRoom(t *testing.T) {
	words := []string{" the", "dose", " 医生医生", ",", "\n", "🙂", "", " averyverylongtokenthatfitsnowhereatall", " é", "\x00\x01", " "}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		ex := Example{}
		for range 1 + rng.IntN(40) {
			ex.Tokens = append(ex.Tokens, words[rng.IntN(len(words))])
			ex.Acts = append(ex.Acts, 6*rng.Float64()-1)
		}
		ex.Peak = rng.IntN(len(ex.Tokens))
		w, n := 8+rng.IntN(70), 1+rng.IntN(4)
		for form := range heatForm(3) {
			if !fits(t, heatLayout(ex, 5, w, n, form), w, n) {
				t.Fatalf("tokens %q, peak %d, %d cells, %d lines, form %d", ex.Tokens, ex.Peak, w, n, form)
			}
		}
	}
}

func fits(t *testing.T, out [][]heatRun, w, n int) bool {
	peak := false
	for _, l := range out {
		used := 0
		for _, r := range l {
			used += cell.Width(r.text)
			peak = peak || r.peak
		}
		if used > w {
			t.Errorf("line of %d cells: %v", used, l)
			return false
		}
	}
	return len(out) <= n && peak
}

func TestHeatWindowIsAroundThePeak(t *testing.T) {
	ex := Example{Peak: 50}
	for range 100 {
		ex.Tokens = append(ex.Tokens, " word")
		ex.Acts = append(ex.Acts, 0)
	}
	from, to := heatWindow(ex, 1, 50, heatColor)
	if to-from != 10 || from >= 50 || to <= 51 {
		t.Errorf("window %d…%d, expected ten tokens around 50", from, to)
	}
}

func FuzzHeatLayout(f *testing.F) {
	f.Add("the dose | of 医生", 3, 20, 2)
	f.Fuzz(func(t *testing.T, text string, peak, w, lines int) {
		tokens := strings.SplitAfter(text, " ")
		ex := Example{Tokens: tokens, Acts: make([]float64, len(tokens)), Peak: max(peak%len(tokens), 0)}
		w, lines = 8+max(w%80, 0), 1+max(lines%5, 0)
		out := heatLayout(ex, 1, w, lines, heatSubscript)
		if len(out) > lines {
			t.Errorf("%d lines, expected at most %d", len(out), lines)
		}
	})
}
