package rawjson_test

import (
	"encoding/json"
	"testing"

	"agar/model/internal/rawjson"
)

// FuzzUnescape: what encoding/json takes for a string means the same here.
func FuzzUnescape(f *testing.F) {
	for _, s := range []string{"", `a\n\t\"\\\/\b\f\r`, `\u00e9\ud83d\ude00\ud83d`, `\ude00\ud83dx`, `\ud83d\u0041`, `\`, `\x`, `\u12`, "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var want string
		raw := []byte(`"` + s + `"`)
		got, ok := rawjson.Unescape(nil, []byte(s))
		if json.Unmarshal(raw, &want) != nil {
			return
		}
		if valid, _ := json.Marshal(want); json.Valid(valid) && (!ok || string([]rune(string(got))) != want) {
			t.Errorf("%q: %q, %v, expected %q", s, got, ok, want)
		}
		if n := rawjson.Values(raw); n != 0 {
			t.Errorf("%q: %d values in a string", s, n)
		}
	})
}
