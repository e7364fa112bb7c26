package tui

import (
	"math"
	"strconv"
	"strings"

	"agar/tui/cell"
	"agar/tui/raster"
	"agar/tui/theme"
)

// heatRun is a stretch of text with one activation; step 0 is none.
type heatRun struct {
	text string
	step int
	peak bool
}

// heatStep puts an activation on the scale 0…8: 0 is none, 8 the feature's
// largest.
func heatStep(act, top float64) int {
	if !(act > 0) || !(top > 0) {
		return 0
	}
	return min(max(int(math.Ceil(act/top*(theme.HeatSteps-1))), 1), theme.HeatSteps-1)
}

// heatForm is how activations are written: by colour, as subscript digits, or as
// [n] where the font has no subscripts.
type heatForm uint8

const (
	heatColor heatForm = iota
	heatSubscript
	heatBrackets
)

func heatFormOf(t *theme.Theme, s raster.Symbols) heatForm {
	switch {
	case t.Color():
		return heatColor
	case s == raster.ASCII:
		return heatBrackets
	}
	return heatSubscript
}

// suffix is what follows a token of a step.
func (f heatForm) suffix(step int) string {
	switch {
	case step == 0 || f == heatColor:
		return ""
	case f == heatBrackets:
		return "[" + strconv.Itoa(step) + "]"
	}
	return string(rune('₀' + step))
}

// heatLayout breaks the tokens of ex into lines of at most w cells, showing at
// most lines of them with the firing token among them.
func heatLayout(ex Example, top float64, w, lines int, f heatForm) [][]heatRun {
	if w < 8 || lines < 1 || len(ex.Tokens) == 0 {
		return nil
	}
	from, to := heatWindow(ex, top, (w-2)*lines, f)
	for {
		out := heatWrap(ex, top, from, to, w, f)
		if len(out) <= lines || to-from <= 1 {
			return out[:min(len(out), lines)]
		}
		from, to = shrink(from, to, ex.Peak)
	}
}

// shrink takes a token off the end that lies farther from the peak.
func shrink(from, to, peak int) (int, int) {
	if peak-from > to-1-peak {
		return from + 1, to
	}
	return from, to - 1
}

// heatWindow is the tokens around the peak that take at most cells cells, two of
// them before the peak for one after it.
func heatWindow(ex Example, top float64, cells int, f heatForm) (from, to int) {
	size := func(i int) int {
		return cell.Width(ex.Tokens[i] + f.suffix(heatStep(at(ex.Acts, i), top)))
	}
	peak := min(max(ex.Peak, 0), len(ex.Tokens)-1)
	from, to = peak, peak+1
	used := size(peak)
	for from > 0 || to < len(ex.Tokens) {
		left := from > 0 && (to == len(ex.Tokens) || peak-from < 2*(to-peak))
		i := to
		if left {
			i = from - 1
		}
		if used += size(i); used > cells {
			break
		}
		if left {
			from--
		} else {
			to++
		}
	}
	return from, to
}

// heatWrap lays tokens from…to−1 out, with … where the example goes on.
func heatWrap(ex Example, top float64, from, to, w int, f heatForm) [][]heatRun {
	l := heatLines{w: w}
	if from > 0 {
		l.add(heatRun{text: "…"})
	}
	for i := from; i < to; i++ {
		step := heatStep(at(ex.Acts, i), top)
		text := ex.Tokens[i]
		if body := strings.TrimLeft(text, " "); body != "" && body != text {
			l.space()
			text = body
		}
		suffix := f.suffix(step)
		text = cell.Truncate(text, w-2-len(suffix)) // beside … at both ends
		l.add(heatRun{text: text + suffix, step: step, peak: i == ex.Peak})
	}
	if to < len(ex.Tokens) {
		l.add(heatRun{text: "…"})
	}
	return append(l.done, l.line)
}

// heatLines collects runs into lines of at most w cells.
type heatLines struct {
	w, used int
	done    [][]heatRun
	line    []heatRun
}

// space is a blank between words; it vanishes at a line's ends.
func (l *heatLines) space() {
	if l.used > 0 && l.used < l.w {
		l.line, l.used = append(l.line, heatRun{text: " "}), l.used+1
	}
}

func (l *heatLines) add(r heatRun) {
	n := cell.Width(r.text)
	if l.used+n > l.w && l.used > 2 {
		l.done, l.line, l.used = append(l.done, l.line), nil, 0
	}
	l.line, l.used = append(l.line, r), l.used+n
}

// drawHeat writes a line of runs.
func drawHeat(g *cell.Grid, r cell.Rect, line []heatRun, t *theme.Theme) {
	for _, run := range line {
		st := t.Heat[run.step]
		if !t.Color() {
			st = t.FG
		}
		if run.peak {
			st = st.With(cell.Bold | cell.Underline)
		}
		_, r = r.Left(g.Raw(r, run.text, st))
	}
}

// plainHeat is an example as text for line mode.
func plainHeat(ex Example, top float64) string {
	var b strings.Builder
	for i, tok := range ex.Tokens {
		b.WriteString(strings.ReplaceAll(tok, "\n", "⏎") + heatBrackets.suffix(heatStep(at(ex.Acts, i), top)))
	}
	return b.String()
}
