package tui

import (
	"context"
	"fmt"
	"slices"

	tea "github.com/charmbracelet/bubbletea"
)

// table is screen 2: all features of a dictionary.
type table struct {
	deck
	app *App

	query  Query
	order  Order
	shown  []uint32 // what the table lists: the order, or only its hits
	cursor int      // index in shown
	top    int      // first row on the screen
	column int      // index in columns under the column cursor
	logY   bool
	toTop  bool // the next order is shown from its top

	rows   map[uint32]Row
	search searching
	look   preview

	orderLoad, rowsLoad loader
}

// preview is the feature under the cursor.
type preview struct {
	id           int
	feature      Feature
	examples     []Example
	load, exLoad loader
}

// maxRows bounds the rows kept.
const maxRows = 4096

func newFeatures(a *App) *table {
	f := &table{app: a, rows: map[uint32]Row{}, query: Query{Sort: ColMax, Desc: true}, column: int(ColMax), logY: true}
	f.look.id = -1
	f.deck = deck{env: a.env, arrange: layoutFeatures}
	f.panels = []panel{
		{id: "table", name: "features", title: f.tableTitle, note: f.sortNote, draw: f.drawTable, describe: f.describeTable, origin: f.tableOrigin},
		{id: "hist", name: "density", title: func() string { return "log10 density" }, note: f.histNote, draw: f.drawHist, describe: f.describeHist, origin: f.tableOrigin},
		{id: "preview", name: "preview", title: f.previewTitle, draw: f.drawPreview, describe: f.describePreview, origin: f.previewOrigin},
	}
	f.loaders = []*loader{&f.orderLoad, &f.look.load, &f.look.exLoad, &f.search.load}
	a.env.neighbour = f.neighbour
	return f
}

func (f *table) title() (name, facts string) {
	if f.order.Total == 0 {
		return "features", ""
	}
	facts = fmt.Sprintf("%s features · %s dead †", count(f.order.Total), count(f.order.Dead))
	if len(f.shown) != f.order.Total {
		facts += " · showing " + count(len(f.shown))
	}
	return "features", facts
}

func (f *table) enter() tea.Cmd {
	if f.order.Total == 0 && !f.orderLoad.busy {
		return f.reorder()
	}
	if id := uint32(f.env.feature); f.current() != int(id) {
		if i := slices.Index(f.shown, id); i >= 0 {
			return f.to(i)
		}
	}
	return nil
}

// reorder asks for the order of the current query.
func (f *table) reorder() tea.Cmd {
	q, src := f.query, f.env.src
	return f.orderLoad.now(f.env, func(req uint64) tea.Cmd {
		return ask(f.env.ctx, src.Name, req, func(ctx context.Context) (Order, error) { return src.Table.Order(ctx, q) })
	})
}

// current is the feature under the cursor, −1 when there is none.
func (f *table) current() int {
	if f.cursor < 0 || f.cursor >= len(f.shown) {
		return -1
	}
	return int(f.shown[f.cursor])
}

// neighbour is the feature by rows after id in the table.
func (f *table) neighbour(id, by int) (int, bool) {
	i := slices.Index(f.shown, uint32(id))
	if i < 0 || i+by < 0 || i+by >= len(f.shown) {
		return id, false
	}
	return int(f.shown[i+by]), true
}

func (f *table) apply(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case settledMsg:
		return tea.Batch(f.rowsLoad.settled(m), f.look.load.settled(m), f.look.exLoad.settled(m), f.search.load.settled(m))
	case loadedMsg[Order]:
		if f.orderLoad.take(m.reply) {
			return f.setOrder(m.Value)
		}
	case loadedMsg[[]Row]:
		if f.rowsLoad.take(m.reply) {
			f.keep(m.Value)
		}
	case loadedMsg[Hits]:
		if f.search.load.take(m.reply) {
			return f.addHits(m.Value)
		}
	case loadedMsg[Feature]:
		if f.look.load.take(m.reply) {
			f.look.feature = m.Value
		}
	case loadedMsg[[]Example]:
		if f.look.exLoad.take(m.reply) {
			f.look.examples = m.Value
		}
	}
	return nil
}

// setOrder shows an order with the cursor on the feature it was on, or at the top
// after sorting.
func (f *table) setOrder(o Order) tea.Cmd {
	id := f.current()
	f.order = o
	f.refilter()
	defer func() { f.toTop = false }()
	i := 0
	if id >= 0 && !f.toTop {
		i = max(slices.Index(f.shown, uint32(id)), 0)
	}
	return f.to(i)
}

// refilter rebuilds what is shown.
func (f *table) refilter() {
	f.shown = f.order.IDs
	if !f.search.only {
		return
	}
	f.shown = nil
	for _, id := range f.order.IDs {
		if f.search.hits[id] {
			f.shown = append(f.shown, id)
		}
	}
}

func (f *table) keep(rows []Row) {
	if len(f.rows)+len(rows) > maxRows {
		clear(f.rows)
	}
	for _, r := range rows {
		f.rows[uint32(r.ID)] = r
	}
}

// page is the number of rows of the table on the screen.
func (f *table) page() int { return max(f.inner("table").H-2, 1) }

// to puts the cursor on row i and asks for what that shows.
func (f *table) to(i int) tea.Cmd {
	f.cursor = min(max(i, 0), max(len(f.shown)-1, 0))
	f.scroll()
	if id := f.current(); id >= 0 {
		f.env.feature = id
	}
	return tea.Batch(f.askRows(), f.askPreview())
}

// scroll keeps the cursor on the screen.
func (f *table) scroll() {
	page := f.page()
	f.top = min(max(f.top, f.cursor-page+1), f.cursor)
	f.top = max(min(f.top, len(f.shown)-page), 0)
}

// askRows asks for the rows on the screen and a page at both sides that are not
// here yet.
func (f *table) askRows() tea.Cmd {
	page := max(f.page(), 20)
	from, to := max(f.top-page, 0), min(f.top+2*page, len(f.shown))
	var ids []uint32
	for _, id := range f.shown[from:max(to, from)] {
		if _, ok := f.rows[id]; !ok {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	src := f.env.src
	return f.rowsLoad.now(f.env, func(req uint64) tea.Cmd {
		return ask(f.env.ctx, src.Name, req, func(ctx context.Context) ([]Row, error) { return src.Table.Rows(ctx, ids) })
	})
}

// askPreview asks for the feature under the cursor once it rests.
func (f *table) askPreview() tea.Cmd {
	id := f.current()
	if id < 0 || id == f.look.id {
		return nil
	}
	f.look.id = id
	src := f.env.src
	return tea.Batch(
		f.look.load.soon(f.env, restCursor, func(req uint64) tea.Cmd {
			return ask(f.env.ctx, src.Name, req, func(ctx context.Context) (Feature, error) { return src.Detail.Feature(ctx, id) })
		}),
		f.look.exLoad.soon(f.env, restCursor, func(req uint64) tea.Cmd {
			return ask(f.env.ctx, src.Name, req, func(ctx context.Context) ([]Example, error) {
				return src.Detail.Examples(ctx, id, "top", 6)
			})
		}))
}

func (f *table) bindings() []group {
	some := func() string {
		if len(f.shown) == 0 {
			return "no features"
		}
		return ""
	}
	move := func(keys []string, help string, by func() int) binding {
		return binding{keys: keys, help: help, when: some, do: func() tea.Cmd { return f.to(f.cursor + by()) }}
	}
	const all = 1 << 30
	b := []binding{
		{keys: []string{"enter"}, help: "open the feature", short: "open", when: some, do: func() tea.Cmd { return f.env.goTo(screenDetail) }},
		move([]string{"j", "down"}, "next feature", func() int { return 1 }),
		move([]string{"k", "up"}, "previous feature", func() int { return -1 }),
		move([]string{"ctrl+d"}, "half a page down", func() int { return f.page() / 2 }),
		move([]string{"ctrl+u"}, "half a page up", func() int { return -f.page() / 2 }),
		move([]string{"pgdown"}, "a page down", f.page),
		move([]string{"pgup"}, "a page up", func() int { return -f.page() }),
		move([]string{"g", "home"}, "first feature", func() int { return -all }),
		move([]string{"G", "end"}, "last feature", func() int { return all }),
	}
	return []group{{"features", append(b, f.searchBindings()...)}, {"columns", f.columnBindings()}}
}

func (f *table) columnBindings() []binding {
	side := func(by int) func() tea.Cmd {
		return func() tea.Cmd {
			n := len(tableColumns(f.inner("table").W))
			f.column = min(max(f.column+by, 0), n-1)
			return nil
		}
	}
	return []binding{
		{keys: []string{"s"}, help: "sort by the marked column, again to reverse", short: "sort", do: f.sort},
		{keys: []string{"h", "left"}, help: "mark the column to the left", short: "column", do: side(-1)},
		{keys: []string{"l", "right"}, help: "mark the column to the right", do: side(1)},
		{keys: []string{"o"}, help: "histogram: heights as logarithms or plain", do: func() tea.Cmd { f.logY = !f.logY; return nil }},
	}
}

// sort sorts by the marked column; the first time in the direction that shows the
// interesting end first.
func (f *table) sort() tea.Cmd {
	columns := tableColumns(f.inner("table").W)
	c := columns[min(f.column, len(columns)-1)].col // a narrower terminal has fewer
	if c == ColTrend || c == ColTokens {
		f.app.hint = "this column has no order; h and l mark another"
		return nil
	}
	if c == f.query.Sort {
		f.query.Desc = !f.query.Desc
	} else {
		f.query.Sort, f.query.Desc = c, c != ColID && c != ColOnset
	}
	f.toTop = true
	return f.reorder()
}

func (f *table) status() (string, bool) {
	switch {
	case f.search.text != "":
		return f.searchStatus(), false
	case f.order.Total == 0:
		return "", false
	}
	return fmt.Sprintf("row %s · density, max, mean over %s", count(f.cursor+1), f.order.Over), false
}

// escape clears the search.
func (f *table) escape() (tea.Cmd, bool) {
	if f.search.text == "" {
		return nil, false
	}
	return f.clearSearch(), true
}
