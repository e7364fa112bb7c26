package activations

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"agar/activations/blob"
	"agar/activations/manifest"
)

// rewriteShard decodes a shard, lets f change its rows, writes it back, and with
// sum puts its new checksum into the manifest.
func rewriteShard(t *testing.T, dir string, i int, sum bool, f func(r *row, values [][]float32)) {
	t.Helper()
	sh, err := openShard(blob.Dir(dir), shardName(i))
	if err != nil {
		t.Fatal(err)
	}
	w := newStoreWriter(blob.Dir(dir), sh.columns, 1<<40, nil)
	w.cur = Shard{Name: sh.name}
	if w.file, err = createShard(w.to, sh.name, w.columns, false); err != nil {
		t.Fatal(err)
	}
	for k := range sh.batches {
		b := &sh.batches[k]
		for j := range b.rows {
			r := row{b.token[j], b.doc[j], b.window[j], b.pos[j], b.role[j]}
			values := make([][]float32, len(w.columns))
			for v, c := range sh.columns {
				values[v] = make([]float32, c.Dim)
				c.decode(values[v], sh.buf[b.hooks[v].off+j*c.rowBytes():][:c.rowBytes()])
			}
			f(&r, values)
			w.rows = 0 // any order
			bad := math.IsNaN(float64(values[0][0]))
			if bad {
				values[0][0] = 0
			}
			n := w.block.n
			if err := w.add(r, values); err != nil {
				t.Fatal(err)
			}
			if bad {
				copy(w.block.hooks[0][n*w.columns[0].rowBytes():], []byte{0, 0x7e}) // a float16 NaN
			}
		}
	}
	if err := sh.close(); err != nil {
		t.Fatal(err)
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	if sum {
		editManifest(t, dir, func(m *manifest.Manifest, _ *Content) { m.Checksums[sh.name] = w.sums[sh.name] })
	}
}

func editManifest(t *testing.T, dir string, f func(*manifest.Manifest, *Content)) {
	t.Helper()
	m, err := manifest.Read(dir, manifest.Capture)
	if err != nil {
		t.Fatal(err)
	}
	var c Content
	if err := m.ContentInto(&c); err != nil {
		t.Fatal(err)
	}
	f(&m, &c)
	if err := m.SetContent(c); err != nil {
		t.Fatal(err)
	}
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyNamesEachFailure(t *testing.T) {
	base := t.TempDir()
	mustCapture(t, fakeOptions(base), newFake(), fakeDocs(30))
	each := func(change func(r *row, v [][]float32)) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			n := 0
			rewriteShard(t, dir, 1, true, func(r *row, v [][]float32) {
				if n++; n == 8 {
					change(r, v)
				}
			})
		}
	}
	for _, c := range []struct {
		name, want string
		damage     func(t *testing.T, dir string)
	}{
		{"a flipped bit", "shard-000002.arrow: found SHA-256", func(t *testing.T, dir string) {
			p := filepath.Join(dir, "shard-000002.arrow")
			b, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/2] ^= 1
			if err := os.WriteFile(p, b, 0o666); err != nil {
				t.Fatal(err)
			}
		}},
		{"a short file", "shard-000001.arrow: found", func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, "shard-000001.arrow"), 2000); err != nil {
				t.Fatal(err)
			}
		}},
		{"a missing file", "shard-000001.arrow", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "shard-000001.arrow")); err != nil {
				t.Fatal(err)
			}
		}},
		{"another file", "shard-000099.arrow: found a file that the manifest does not know", func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "shard-000099.arrow"), nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}},
		{"order", "shard-000001.arrow: row 7: found document", each(func(r *row, _ [][]float32) { r.pos += 2 })},
		{"document", "shard-000001.arrow: row 7: found document", each(func(r *row, _ [][]float32) { r.doc-- })},
		{"role", "shard-000001.arrow: row 7: found role 9", each(func(r *row, _ [][]float32) { r.role = 9 })},
		{"token", "shard-000001.arrow: row 7: found token id -5", each(func(r *row, _ [][]float32) { r.token = -5 })},
		{"not a number", "shard-000001.arrow: row 7, hook blocks.0.hook_resid_post, value 0: found NaN", each(func(_ *row, v [][]float32) { v[0][0] = float32(math.NaN()) })},
		{"prefix", "expected 1 as at the beginning of document", func(t *testing.T, dir string) {
			rewriteShard(t, dir, 0, true, func(r *row, _ [][]float32) {
				if r.window == 1 && r.pos == 0 {
					r.token = 3
				}
			})
		}},
		{"count of documents", "documents, expected 99", func(t *testing.T, dir string) {
			editManifest(t, dir, func(_ *manifest.Manifest, c *Content) { c.Documents = 99 })
		}},
		{"count of roles", "rows of role 2, expected 1", func(t *testing.T, dir string) {
			editManifest(t, dir, func(_ *manifest.Manifest, c *Content) { c.Roles["2"] = 1 })
		}},
		{"count of rows", "shards, expected 7", func(t *testing.T, dir string) {
			editManifest(t, dir, func(_ *manifest.Manifest, c *Content) { c.Tokens = 7 })
		}},
		{"columns", "found columns", func(t *testing.T, dir string) {
			editManifest(t, dir, func(_ *manifest.Manifest, c *Content) { c.Columns[0].Dim++ })
		}},
		{"context", "expected less than the context of 5", func(t *testing.T, dir string) {
			editManifest(t, dir, func(_ *manifest.Manifest, c *Content) { c.Context = 5 })
		}},
		{"uncommitted", "shard-000000.arrow.tmp: found a file that was never committed", func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "shard-000000.arrow.tmp"), nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		dir := filepath.Join(t.TempDir(), "out")
		if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
			t.Fatal(err)
		}
		c.damage(t, dir)
		r, err := Verify(context.Background(), dir)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if r.OK() || !strings.Contains(strings.Join(r.Failures, "\n"), c.want) {
			t.Errorf("%s: found %q, expected %q", c.name, r.Failures, c.want)
		}
	}
	if _, err := Verify(context.Background(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "manifest.json") {
		t.Errorf("no capture: found %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Verify(ctx, base); err == nil {
		t.Error("went on after a cancel")
	}
}

func TestOpenNamesWhatIsWrong(t *testing.T) {
	base := t.TempDir()
	mustCapture(t, fakeOptions(base), newFake(), fakeDocs(30))
	for _, c := range []struct {
		name, want string
		damage     func(dir string)
	}{
		{"newer", "newer than agar-capture/1", func(dir string) { replaceIn(t, dir, "agar-capture/1", "agar-capture/2") }},
		{"other", "found format agar-features/1, expected agar-capture/1", func(dir string) { replaceIn(t, dir, "agar-capture/1", "agar-features/1") }},
		{"no manifest", "manifest.json", func(dir string) { _ = os.Remove(filepath.Join(dir, manifest.Name)) }},
		{"no content", "no content", func(dir string) { replaceIn(t, dir, `"content"`, `"contents"`) }},
		{"rows", "shard-000000.arrow: found", func(dir string) {
			editManifest(t, dir, func(_ *manifest.Manifest, c *Content) { c.Shards[0].Rows++; c.Tokens++ })
		}},
		{"hook", `found no hook "blocks.0.nothing"`, nil},
	} {
		dir := filepath.Join(t.TempDir(), "out")
		if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
			t.Fatal(err)
		}
		var err error
		if c.damage == nil {
			_, err = mustOpen(t, dir).Dim("blocks.0.nothing")
		} else {
			c.damage(dir)
			_, err = Open(dir)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: found %v, expected %q", c.name, err, c.want)
		}
	}
}

func replaceIn(t *testing.T, dir, from, to string) {
	t.Helper()
	p := filepath.Join(dir, manifest.Name)
	b, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(strings.ReplaceAll(string(b), from, to)), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestManifestOfACapture(t *testing.T) {
	dir := t.TempDir()
	o := fakeOptions(dir)
	o.Command = []string{"agar", "capture", "M", "--resume", "--json=true"}
	o.Config = map[string]any{"chat": false}
	mustCapture(t, o, newFake(), fakeDocs(10))
	m := mustOpen(t, dir).Manifest()
	if got, _ := json.Marshal(m.Command); string(got) != `["agar","capture","M"]` {
		t.Errorf("command %s", got)
	}
	if got, _ := json.Marshal(m.Config); string(got) != `{"chat":false,"ctx":16,"dtype":"auto","hooks":["blocks.0.hook_resid_post","blocks.1.hook_mlp_out"],"shard_rows":100,"tokens":0}` {
		t.Errorf("config %s", got)
	}
	if len(m.Checksums) == 0 || m.Kernel != "fake" || m.Version != "0" {
		t.Errorf("manifest %+v", m)
	}
}
