package behaviour

import (
	"cmp"
	"maps"
	"slices"
)

// grouped are the indices below n by key, in order of the first of each key.
func grouped(n int, key func(int) string) [][]int {
	at := map[string]int{}
	var out [][]int
	for i := range n {
		k := key(i)
		g, ok := at[k]
		if !ok {
			g = len(out)
			at[k], out = g, append(out, nil)
		}
		out[g] = append(out[g], i)
	}
	return out
}

// find is the group with an id, made when there is none.
func find(gs *[]Group, id, domain string) *Group {
	for i := range *gs {
		if (*gs)[i].ID == id {
			return &(*gs)[i]
		}
	}
	*gs = append(*gs, group(id, domain))
	return &(*gs)[len(*gs)-1]
}

// sortedKeys are the keys of m in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// sortGroups orders groups by name.
func sortGroups(gs []Group) {
	slices.SortStableFunc(gs, func(a, b Group) int { return cmp.Compare(a.ID, b.ID) })
}
