package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Differences says in words where b was made from other things, or in another
// way, than a: "config batch: 32 there, 64 here". Commands and checksums of
// results are not compared, nor where an input lies when its hash is the same.
func Differences(a, b *Manifest) []string {
	var out []string
	add := func(what string, x, y any) {
		if s, t := compact(x), compact(y); s != t {
			out = append(out, fmt.Sprintf("%s: %s there, %s here", what, s, t))
		}
	}
	add("format", a.Format, b.Format)
	add("agar_version", a.Version, b.Version)
	add("kernel", a.Kernel, b.Kernel)
	for _, k := range unionKeys(a.Config, b.Config) {
		add("config "+k, a.Config[k], b.Config[k])
	}
	refs := func(m *Manifest) map[string]Ref {
		all := maps.Clone(m.Inputs)
		if all == nil {
			all = map[string]Ref{}
		}
		all["model"], all["adapter"], all["tokenizer"], all["data"] = m.Model, m.Adapter, m.Tokenizer, m.Data
		return all
	}
	ra, rb := refs(a), refs(b)
	for _, k := range unionKeys(ra, rb) {
		out = append(out, refDifference(k, ra[k], rb[k])...)
	}
	return out
}

func refDifference(what string, a, b Ref) []string {
	var out []string
	if a.SHA256 != b.SHA256 || a.SHA256 == "" && a.Path != b.Path {
		out = append(out, fmt.Sprintf("%s: %s there, %s here", what, a, b))
	}
	if x, y := compact(a.Lambda), compact(b.Lambda); x != y {
		out = append(out, fmt.Sprintf("%s lambda: %s there, %s here", what, x, y))
	}
	return out
}

// String is the path and the beginning of the hash.
func (r Ref) String() string {
	switch {
	case r.Path == "" && r.SHA256 == "":
		return "none"
	case len(r.SHA256) > 12:
		return fmt.Sprintf("%s (sha256 %s…)", r.Path, r.SHA256[:12])
	}
	return r.Path
}

func compact(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

func unionKeys[V any](a, b map[string]V) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}
