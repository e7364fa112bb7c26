package tui

import (
	"context"
	"fmt"

	tea "github.com/charmbracelet/bubbletea"
)

// searching is the search of the table. Hits arrive piece by piece.
type searching struct {
	text string
	hits map[uint32]bool
	from int  // row where the search began
	done bool // all features were looked at
	only bool // the table lists hits only
	load loader
}

func (f *table) searchBindings() []binding {
	hits := func() string {
		if len(f.search.hits) == 0 {
			return "nothing was found; / searches"
		}
		return ""
	}
	return []binding{
		{keys: []string{"/"}, help: "search in tokens, labels and top examples", short: "search", do: f.startSearch},
		{keys: []string{"n"}, help: "next hit", when: hits, do: func() tea.Cmd { return f.nextHit(f.cursor, 1) }},
		{keys: []string{"N"}, help: "previous hit", when: hits, do: func() tea.Cmd { return f.nextHit(f.cursor, -1) }},
		{keys: []string{"f"}, help: "list hits only, and back", short: "only hits", when: hits, do: f.toggleOnly},
		{keys: []string{"F"}, help: "clear the search", do: f.clearSearch},
	}
}

// startSearch opens the typing field.
func (f *table) startSearch() tea.Cmd {
	f.search.from = f.cursor
	f.app.input = &input{
		prompt: "/", text: f.search.text, note: f.searchNote,
		changed: f.searchFor,
		done: func(text string) tea.Cmd {
			if text == "" {
				return f.clearSearch()
			}
			return nil
		},
		cancel: f.clearSearch,
	}
	return nil
}

// searchFor begins a search for text once the typing rests.
func (f *table) searchFor(text string) tea.Cmd {
	only := f.search.only
	f.search.text, f.search.hits, f.search.done = text, map[uint32]bool{}, false
	if only {
		f.search.only = false
		f.refilter()
	}
	if text == "" {
		f.search.load.latest = 0
		f.search.load.busy = false
		return nil
	}
	return f.search.load.soon(f.env, restTyping, f.putSearch(0))
}

// putSearch asks for the hits from feature from on.
func (f *table) putSearch(from int) func(uint64) tea.Cmd {
	text, src := f.search.text, f.env.src
	return func(req uint64) tea.Cmd {
		return ask(f.env.ctx, src.Name, req, func(ctx context.Context) (Hits, error) { return src.Table.Search(ctx, text, from) })
	}
}

// addHits takes a piece of the answer and asks for the next one.
func (f *table) addHits(h Hits) tea.Cmd {
	first := len(f.search.hits) == 0 && len(h.IDs) > 0
	for _, id := range h.IDs {
		f.search.hits[id] = true
	}
	var cmds []tea.Cmd
	if first {
		cmds = append(cmds, f.nextHit(f.search.from-1, 1))
	}
	if f.search.done = h.Done; !h.Done {
		cmds = append(cmds, f.search.load.now(f.env, f.putSearch(h.Next)))
	}
	return tea.Batch(cmds...)
}

// nextHit moves to the next hit after row i in direction by, around the end.
func (f *table) nextHit(i, by int) tea.Cmd {
	n := len(f.shown)
	for range n {
		i = (i + by + n) % n
		if f.search.hits[f.shown[i]] {
			return f.to(i)
		}
	}
	return nil
}

func (f *table) toggleOnly() tea.Cmd {
	f.search.only = !f.search.only
	return f.setOrder(f.order)
}

func (f *table) clearSearch() tea.Cmd {
	f.search = searching{}
	return f.setOrder(f.order)
}

// searchNote counts the hits.
func (f *table) searchNote() string {
	switch {
	case f.search.text == "":
		return "tokens, labels, top examples"
	case f.search.load.err != nil:
		return f.search.load.err.Error()
	case !f.search.done:
		return fmt.Sprintf("%d hits …", len(f.search.hits))
	case len(f.search.hits) == 1:
		return "1 hit"
	}
	return fmt.Sprintf("%d hits", len(f.search.hits))
}

func (f *table) searchStatus() string {
	s := fmt.Sprintf("/%s  %s · n next · N previous", f.search.text, f.searchNote())
	if f.search.only {
		return s + " · only hits shown, f shows all"
	}
	return s
}
