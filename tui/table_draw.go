package tui

import (
	"fmt"
	"math"
	"strings"

	"agar/tui/cell"
	"agar/tui/raster"
	"agar/tui/theme"
)

// tableColumn is a column as it is drawn.
type tableColumn struct {
	col   Column
	head  string
	width int // 0 = what is left
}

// allColumns in their order; columnExit is the order in which they leave when
// there is no room.
var (
	allColumns = []tableColumn{
		{ColID, "id", 6}, {ColDensity, "density", 8}, {ColMax, "max", 7}, {ColMean, "mean", 7},
		{ColDelta, "Δ train", 8}, {ColOnset, "onset", 7}, {ColTrend, "trend", 8}, {ColTokens, "top tokens · label", 0},
	}
	columnExit = []Column{ColTrend, ColMean, ColDelta, ColOnset, ColDensity, ColMax}
)

// minTokens is the least width of the column of tokens in a table of w cells.
func minTokens(w int) int {
	if w >= 70 {
		return 18
	}
	return 12
}

// tableColumns are the columns that fit into w cells.
func tableColumns(w int) []tableColumn {
	cols := append([]tableColumn(nil), allColumns...)
	for _, leave := range columnExit {
		used := 2
		for _, c := range cols {
			used += c.width + 1
		}
		if used+minTokens(w) <= w {
			break
		}
		for i, c := range cols {
			if c.col == leave {
				cols = append(cols[:i], cols[i+1:]...)
				break
			}
		}
	}
	return cols
}

func (f *table) tableTitle() string { return "Features" + f.orderLoad.mark(f.env) }

func (f *table) sortNote() string {
	for _, c := range allColumns {
		if c.col == f.query.Sort {
			arrow := "↑"
			if f.query.Desc {
				arrow = "↓"
			}
			return "sort: " + c.head + " " + arrow
		}
	}
	return ""
}

func (f *table) drawTable(g *cell.Grid, r cell.Rect, _ bool) {
	t := f.env.theme
	if drawMissing(g, r, t, &f.orderLoad) {
		return
	}
	cols := tableColumns(r.W)
	f.column = min(f.column, len(cols)-1)
	head, rest := r.Top(1)
	f.drawHead(g, head, cols)
	f.scroll()
	for i := f.top; i < len(f.shown) && i < f.top+f.page(); i++ {
		var row cell.Rect
		row, rest = rest.Top(1)
		f.drawRow(g, row, cols, f.shown[i])
		if i == f.cursor {
			g.Restyle(row, func(s cell.Style) cell.Style { return cell.Style{FG: t.FG.FG, Attr: cell.Reverse} })
		}
	}
	f.drawPosition(g, r.Row(r.H-1))
}

// drawPosition says which rows are on the screen, with a bar of where they are.
func (f *table) drawPosition(g *cell.Grid, r cell.Rect) {
	n := len(f.shown)
	if n == 0 {
		return
	}
	last := min(f.top+f.page(), n)
	used := g.Text(r, fmt.Sprintf("  rows %s–%s of %s", count(f.top+1), count(last), count(n)), f.env.theme.Dim)
	_, bar := r.Left(used + 2)
	bar.W = min(bar.W, 20)
	for x := range bar.W {
		mark, at := "─", x*n/bar.W
		if at+n/bar.W >= f.top && at < last {
			mark = "█"
		}
		g.Raw(cell.Rect{X: bar.X + x, Y: bar.Y, W: 1, H: bar.H}, mark, f.env.theme.Border)
	}
}

func (f *table) drawHead(g *cell.Grid, r cell.Rect, cols []tableColumn) {
	t := f.env.theme
	_, r = r.Left(2)
	for i, c := range cols {
		st := t.Dim
		if c.col == f.query.Sort {
			st = t.Accent
		}
		if i == f.column {
			st = st.With(cell.Bold | cell.Underline)
		}
		var at cell.Rect
		at, r = r.Left(columnWidth(c, r.W))
		if c.width == 0 || c.col == ColTrend {
			g.Text(at, c.head, st)
		} else {
			g.Right(at, c.head, st)
		}
		_, r = r.Left(1)
	}
}

func columnWidth(c tableColumn, left int) int {
	if c.width == 0 {
		return left
	}
	return c.width
}

func (f *table) drawRow(g *cell.Grid, r cell.Rect, cols []tableColumn, id uint32) {
	mark, r := r.Left(2)
	switch {
	case int(id) == f.current():
		g.Text(mark, "▸", f.env.theme.Accent)
	case f.search.hits[id]:
		g.Text(mark, "•", f.env.theme.Accent)
	}
	row, ok := f.rows[id]
	if !ok {
		g.Text(r, fmt.Sprintf("%6d  …", id), f.env.theme.Dim)
		return
	}
	for _, c := range cols {
		var at cell.Rect
		at, r = r.Left(columnWidth(c, r.W))
		f.drawCell(g, at, c, &row)
		_, r = r.Left(1)
	}
}

func (f *table) drawCell(g *cell.Grid, r cell.Rect, c tableColumn, row *Row) {
	t := f.env.theme
	switch c.col {
	case ColTrend:
		g.Text(r, raster.Spark(row.Trend, r.W, f.env.sym), t.Series[0])
	case ColTokens:
		g.Text(r, row.text(), t.FG)
	default:
		text, st := row.cell(c.col, t)
		g.Right(r, text, st)
	}
}

// cell is the text of a numeric column.
func (row *Row) cell(c Column, t *theme.Theme) (string, cell.Style) {
	switch c {
	case ColID:
		if row.Density == 0 {
			return fmt.Sprintf("†%d", row.ID), t.Dim
		}
		return fmt.Sprint(row.ID), t.FG
	case ColDensity:
		return num(row.Density), t.FG
	case ColMax:
		return num(row.Max), t.FG
	case ColMean:
		return num(row.Mean), t.FG
	case ColDelta:
		return signed(row.Delta), signStyle(row.Delta, t)
	case ColOnset:
		return row.onset(), signStyle(row.Delta, t)
	}
	return "", t.FG
}

// onset is ▲165 for a feature that rises at 165, · for one that does not change.
func (row *Row) onset() string {
	switch {
	case row.Onset < 0 && math.IsNaN(row.Delta):
		return noValue
	case row.Onset < 0:
		return "·"
	case row.Delta > 0:
		return "▲" + stepName(row.Onset)
	}
	return "▼" + stepName(row.Onset)
}

func signStyle(v float64, t *theme.Theme) cell.Style {
	switch {
	case v > 0:
		return t.Pos
	case v < 0:
		return t.Neg
	}
	return t.Dim
}

// text is the label and the most promoted tokens.
func (row *Row) text() string {
	tokens := strings.Join(trimmed(row.Tokens), "  ")
	if row.Label == "" {
		return tokens
	}
	return row.Label + "  " + tokens
}

// trimmed is tokens without the blanks around them; those that are nothing else
// stay visible.
func trimmed(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, s := range tokens {
		if out[i] = strings.TrimSpace(s); out[i] == "" {
			out[i] = strings.Map(visible, s)
		}
	}
	return out
}

// visible is a sign for a blank.
func visible(r rune) rune {
	switch r {
	case '\n', '\r':
		return '⏎'
	case '\t':
		return '⇥'
	}
	return '␣'
}

func (f *table) histNote() string {
	if f.logY {
		return "o: log"
	}
	return "o: plain"
}

func (f *table) drawHist(g *cell.Grid, r cell.Rect, _ bool) {
	t := f.env.theme
	if drawMissing(g, r, t, &f.orderLoad) || len(f.order.Hist) == 0 || r.H < 3 {
		return
	}
	bars, axis := r.Top(r.H - 1)
	raster.Columns(g, bars, f.order.Hist, f.logY, f.env.sym, t.Series[0])
	xr := raster.Range{Lo: f.order.HistLo, Hi: f.order.HistHi}
	mark := -2
	if row, ok := f.rows[uint32(max(f.current(), 0))]; ok && row.Density > 0 {
		mark = xr.Place(math.Log10(row.Density), axis.W)
		g.Raw(cell.Rect{X: axis.X + mark, Y: axis.Y, W: 1, H: 1}, "▲", t.Warn)
	}
	for v := math.Ceil(xr.Lo); v <= xr.Hi; v++ {
		if x := min(xr.Place(v, axis.W), axis.W-2); x != mark && x+1 != mark {
			g.Text(cell.Rect{X: axis.X + x, Y: axis.Y, W: 2, H: 1}, minus(fmt.Sprint(v)), t.Dim)
		}
	}
}

func (f *table) previewTitle() string {
	if f.current() < 0 {
		return "Preview"
	}
	return fmt.Sprintf("Preview #%d%s", f.current(), f.look.load.mark(f.env))
}

func (f *table) drawPreview(g *cell.Grid, r cell.Rect, _ bool) {
	t := f.env.theme
	if drawMissing(g, r, t, &f.look.load) || f.look.id < 0 {
		return
	}
	stale := f.look.feature.ID != f.current()
	area := r
	ft := &f.look.feature
	facts := 2
	if r.H >= 7 {
		facts = 3
	}
	top, rest := r.Top(r.H - facts)
	form := heatFormOf(t, f.env.sym)
	for i, ex := range f.look.examples {
		if i >= top.H {
			break
		}
		at, text := top.Row(i).Left(6)
		g.Text(at, num(ex.Max), t.Dim)
		if lines := heatLayout(ex, ft.Max, text.W, 1, form); len(lines) > 0 {
			drawHeat(g, text, lines[0], t)
		}
	}
	f.drawFacts(g, rest)
	if stale {
		g.Restyle(area, func(s cell.Style) cell.Style { return s.With(cell.Faint) })
	}
}

// drawFacts writes what the feature promotes and which are like it.
func (f *table) drawFacts(g *cell.Grid, r cell.Rect) {
	t, ft := f.env.theme, &f.look.feature
	for _, row := range []struct {
		label, text string
		st          cell.Style
	}{{"+", tokenList(ft.Top), t.Pos}, {"near", neighbourList(ft.Neighbours), t.FG}, {"−", tokenList(ft.Bottom), t.Neg}} {
		var line cell.Rect
		if line, r = r.Top(1); line.Empty() {
			return
		}
		label, text := line.Left(6)
		g.Text(label, row.label, t.Dim)
		g.Text(text, row.text, row.st)
	}
}

func tokenList(ts []TokenLogit) string {
	names := make([]string, 0, 8)
	for _, tk := range ts[:min(len(ts), 8)] {
		names = append(names, tk.Text)
	}
	if len(names) == 0 {
		return "no logit lens in this index"
	}
	return strings.Join(trimmed(names), "  ")
}

func neighbourList(ns []Neighbour) string {
	var parts []string
	for _, n := range ns[:min(len(ns), 5)] {
		parts = append(parts, fmt.Sprintf("#%d %s", n.ID, cosine(n.Cos)))
	}
	return strings.Join(parts, "  ")
}

// cosine is a cosine with two decimals and no leading zero.
func cosine(v float64) string {
	s := fmt.Sprintf("%.2f", v)
	if a := strings.TrimPrefix(s, "-"); strings.HasPrefix(a, "0.") {
		s = strings.Replace(s, "0.", ".", 1)
	}
	return minus(s)
}
