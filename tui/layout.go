package tui

import "agar/tui/cell"

// The smallest terminal that the screens fit on.
const minW, minH = 60, 18

// narrow reports whether one panel is shown at a time.
func narrow(w int) bool { return w < 80 }

// frame is the parts of the terminal.
type frame struct{ header, body, status, footer cell.Rect }

// layoutFrame divides a terminal of w×h; ok is false when it is too small.
func layoutFrame(w, h int) (f frame, ok bool) {
	if w < minW || h < minH {
		return f, false
	}
	all := cell.Rect{W: w, H: h}
	f.header, all = all.Top(1)
	f.body, all = all.Top(h - 3)
	f.status, f.footer = all.Top(1)
	return f, true
}

// layoutOverview: what is happening above, the figures below.
func layoutOverview(w, h int) (map[string]cell.Rect, string) {
	body := cell.Rect{W: w, H: h}
	m := map[string]cell.Rect{}
	if w < 110 {
		stages, rest := body.Top(min(9, h-7))
		now, charts := rest.Top(min(4+rest.H/8, 7))
		m["stages"], m["now"] = stages, now
		four(m, charts)
		return m, "now"
	}
	top, charts := body.Top(max(h*3/7, 11))
	m["stages"], m["now"] = top.Left(w * 3 / 5)
	four(m, charts)
	return m, "now"
}

// four places the charts of the overview in two rows, in one where two would be
// too low.
func four(m map[string]cell.Rect, r cell.Rect) {
	n := 2
	if r.H < 6 {
		n = 4
	}
	ids := [...]string{"ev", "loss", "l0", "dead"}
	for i, row := range r.Rows(len(ids) / n) {
		for j, c := range row.Columns(n) {
			m[ids[i*n+j]] = c
		}
	}
}

// layoutFeatures: the table over histogram and preview; beside a wide table
// nothing is lost by putting them at its right.
func layoutFeatures(w, h int) (map[string]cell.Rect, string) {
	body := cell.Rect{W: w, H: h}
	below := 7
	if h >= 30 {
		below = 11
	}
	table, rest := body.Top(h - below)
	hist, preview := rest.Left(w * 45 / 100)
	return map[string]cell.Rect{"table": table, "hist": hist, "preview": preview}, "preview"
}

// layoutDetail: examples and figures above, neighbours and trajectory below.
func layoutDetail(w, h int) (map[string]cell.Rect, string) {
	body := cell.Rect{W: w, H: h}
	if w < 110 {
		examples, rest := body.Top(h * 9 / 20)
		lens, trace := rest.Left(w * 9 / 20)
		return map[string]cell.Rect{"examples": examples, "lens": lens, "trace": trace}, "trace"
	}
	top, bottom := body.Top(h * 3 / 5)
	examples, right := top.Left(w * 3 / 5)
	hist, lens := right.Top(right.H * 9 / 20)
	near, trace := bottom.Left(w / 3)
	return map[string]cell.Rect{"examples": examples, "hist": hist, "lens": lens, "near": near, "trace": trace}, "trace"
}

// phaseShape is what the phase screen shows between its timeline and the dial.
type phaseShape struct {
	charts []string // panels of charts, row by row
	below  string   // panel beside the dial
	list   int      // lines of events in the timeline
}

// layoutPhase: the timeline, charts, and what the features do at the cursor.
func layoutPhase(w, h int, s phaseShape) (map[string]cell.Rect, string) {
	body := cell.Rect{W: w, H: h}
	m := map[string]cell.Rect{}
	if w < 110 {
		var rest cell.Rect
		m["timeline"], rest = body.Top(3 + s.list)
		lists := 5
		if rest.H >= 22 {
			lists = rest.H / 3
		}
		charts, below := rest.Top(rest.H - lists)
		gridOf(m, charts, s.charts, 4, 2)
		m[s.below], m["dial"] = below.Left(w / 2)
		return m, "dial"
	}
	line, rest := body.Top(4 + s.list)
	charts, below := rest.Top(rest.H * 2 / 3)
	m["timeline"] = line
	gridOf(m, charts, s.charts, 6, 3)
	m[s.below], m["dial"] = below.Left(w * 6 / 10)
	return m, "dial"
}

// gridOf places at most n panels in rows of at most columns.
func gridOf(m map[string]cell.Rect, r cell.Rect, ids []string, n, columns int) {
	ids = ids[:min(len(ids), n)]
	if len(ids) == 0 {
		return
	}
	if len(ids) > columns && len(ids) <= 4 {
		columns = 2
	}
	rows := r.Rows((len(ids) + columns - 1) / columns)
	for i, row := range rows {
		part := ids[i*columns : min((i+1)*columns, len(ids))]
		for j, c := range row.Columns(len(part)) {
			m[part[j]] = c
		}
	}
}
