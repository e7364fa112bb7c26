package hub

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"agar/model/hub/hubtest"
	"agar/model/progress"
)

// model is a repository with a model, other people's formats and a read-me.
func tinyModel() map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	big := make([]byte, 1<<20+777)
	for i := range big {
		big[i] = byte(r.Uint32())
	}
	return map[string][]byte{
		"config.json": []byte(`{"architectures": ["LlamaForCausalLM"]}`), "tokenizer.json": []byte(`{}`), "tokenizer.model": []byte("x"),
		"generation_config.json": []byte("{}\n"), "README.md": []byte("# tiny"), "onnx/model.onnx": []byte("o"), "empty.txt": {},
		"model.safetensors": big, "pytorch_model.bin": []byte("old"), "model.Q4_0.gguf": []byte("GGUF"),
	}
}

// options are those for a pull from h into a fresh cache.
func options(t *testing.T, h *hubtest.Hub) Options {
	t.Helper()
	return Options{Endpoint: h.URL, Cache: t.TempDir(), Chunk: 64 << 10, Backoff: time.Millisecond}
}

func pull(t *testing.T, h *hubtest.Hub, o Options) *Pulled {
	t.Helper()
	p, err := Pull(context.Background(), Ref{"org/tiny", "main"}, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Files {
		got, err := os.ReadFile(filepath.Join(o.Cache, "models--org--tiny", "snapshots", hubtest.Commit, f.Name))
		if err != nil || !bytes.Equal(got, h.Files[f.Name]) {
			t.Errorf("%s: %d bytes, %v, expected the hub's %d", f.Name, len(got), err, len(h.Files[f.Name]))
		}
	}
	return p
}

func names(files []File) (out []string) {
	for _, f := range files {
		out = append(out, f.Name)
	}
	slices.Sort(out)
	return out
}

func TestPullTakesWhatAgarReads(t *testing.T) {
	h := hubtest.New(t, tinyModel(), "model.safetensors")
	h.Secret = "hf_secret"
	o := options(t, h)
	o.Token = "hf_secret"
	var last progress.Event
	o.Progress = func(e progress.Event) { last = e }
	p := pull(t, h, o)
	want := []string{"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"}
	if got := names(p.Files); !slices.Equal(got, want) {
		t.Errorf("files %q, expected %q", got, want)
	}
	if p.Commit != hubtest.Commit || p.Bytes != p.Downloaded || last.Step != p.Bytes || last.Total != p.Bytes {
		t.Errorf("pulled %+v, last event %+v", p, last)
	}
	for _, tok := range h.Tokens() {
		if tok != "" {
			t.Errorf("the server behind a redirect was given the token")
		}
	}
	before := h.Count()
	if again := pull(t, h, o); again.Downloaded != 0 || h.Count() != before {
		t.Errorf("a second pull fetched %d bytes", again.Downloaded)
	}
	o.Offline, o.Endpoint = true, "http://127.0.0.1:1"
	if dir, err := Find(o, Ref{"org/tiny", "main"}); err != nil || dir != p.Path {
		t.Errorf("Find: %q, %v, expected %q", dir, err, p.Path)
	}
	if p, err := Pull(context.Background(), Ref{"org/tiny", "main"}, o); err != nil || p.Commit != hubtest.Commit {
		t.Errorf("offline: %+v, %v", p, err)
	}
}

// TestPullThroughTrouble: connections that drop, servers that are busy or know no
// ranges, and listings without sizes all end in the right bytes.
func TestPullThroughTrouble(t *testing.T) {
	for name, spoil := range map[string]func(h *hubtest.Hub){
		"drops":               func(h *hubtest.Hub) { h.Drop = 9 },
		"busy":                func(h *hubtest.Hub) { h.Busy = 4 },
		"no ranges":           func(h *hubtest.Hub) { h.NoRanges = true },
		"no ranges, drops":    func(h *hubtest.Hub) { h.NoRanges, h.Drop = true, 2 },
		"listing says little": func(h *hubtest.Hub) { h.Bare = true },
	} {
		t.Run(name, func(t *testing.T) {
			h := hubtest.New(t, tinyModel(), "model.safetensors")
			spoil(h)
			pull(t, h, options(t, h))
			h.Change(func() {
				if h.Drop != 0 || h.Busy != 0 {
					t.Errorf("%d drops and %d busy answers were never met", h.Drop, h.Busy)
				}
			})
		})
	}
}

// TestPullRefusesLies: what contradicts the listing gets no name in the cache.
func TestPullRefusesLies(t *testing.T) {
	for _, lie := range []string{"range", "total", "length", "hash"} {
		t.Run(lie, func(t *testing.T) {
			h := hubtest.New(t, tinyModel(), "model.safetensors")
			h.Lie = lie
			o := options(t, h)
			_, err := Pull(context.Background(), Ref{"org/tiny", "main"}, o)
			if err == nil {
				t.Fatal("no error")
			}
			t.Log(err)
			if lie != "length" && !errors.Is(err, ErrCorrupt) {
				t.Errorf("%v does not wrap ErrCorrupt", err)
			}
			for _, at := range []string{"snapshots", "refs"} {
				if _, err := os.Stat(filepath.Join(o.Cache, "models--org--tiny", at)); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s exists after a failed pull", at)
				}
			}
			blobs, _ := filepath.Glob(filepath.Join(o.Cache, "models--org--tiny", "blobs", "*"))
			for _, b := range blobs {
				if !strings.Contains(b, ".agar-part") {
					t.Errorf("%s got its name", b)
				}
			}
			h.Change(func() { h.Lie = "" })
			pull(t, h, o)
		})
	}
}

// TestPullResumes: a pull cut off in the middle goes on with what is missing.
func TestPullResumes(t *testing.T) {
	h := hubtest.New(t, map[string][]byte{"config.json": []byte("{}"), "model.safetensors": tinyModel()["model.safetensors"]}, "model.safetensors")
	o := options(t, h)
	o.Parallel = 1
	ctx, cancel := context.WithCancel(context.Background())
	o.Client = h.Client()
	o.Client.Transport = cancelAfter{h.Client().Transport, h, 8, cancel}
	if _, err := Pull(ctx, Ref{"org/tiny", "main"}, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, expected a cancellation", err)
	}
	before := h.Gets("model.safetensors")
	o.Client = nil
	p := pull(t, h, o)
	all := int(p.Files[0].Size+p.Files[1].Size)/(64<<10) + 1
	if now := h.Gets("model.safetensors") - before; now == 0 || now > all-before+2 {
		t.Errorf("%d ranges before the cut and %d after it, of %d", before, now, all)
	}
	left, _ := filepath.Glob(filepath.Join(o.Cache, "models--org--tiny", "blobs", "*agar*"))
	if len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestDamagedBlobIsFoundByVerify(t *testing.T) {
	h := hubtest.New(t, tinyModel(), "model.safetensors")
	o := options(t, h)
	p := pull(t, h, o)
	at := filepath.Join(p.Path, "model.safetensors")
	f, err := os.OpenFile(at, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{h.Files["model.safetensors"][9] ^ 1}, 9); err != nil {
		t.Fatal(err)
	}
	f.Close()
	o.Verify = true
	if p := pull(t, h, o); p.Downloaded != int64(len(h.Files["model.safetensors"])) {
		t.Errorf("fetched %d bytes", p.Downloaded)
	}
}

func TestPullErrors(t *testing.T) {
	h := hubtest.New(t, tinyModel(), "model.safetensors")
	for _, c := range []struct {
		ref  Ref
		edit func(o *Options)
		want error
	}{
		{Ref{"org/none", "main"}, nil, ErrNotFound},
		{Ref{"org/tiny", "v9"}, nil, ErrNotFound},
		{Ref{"org/tiny", "main"}, func(o *Options) { o.File = "model.Q8_0.gguf" }, ErrChoose},
		{Ref{"org/tiny", "main"}, func(o *Options) { o.Include = []string{"*.npz"} }, ErrChoose},
		{Ref{"org/tiny", "main"}, func(o *Options) { o.Offline = true }, ErrNotCached},
	} {
		o := options(t, h)
		if c.edit != nil {
			c.edit(&o)
		}
		_, err := Pull(context.Background(), c.ref, o)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, expected %v", c.ref, err, c.want)
		}
		t.Log(err)
	}
	h.Change(func() { h.Secret = "hf_secret" })
	if _, err := Pull(context.Background(), Ref{"org/tiny", "main"}, options(t, h)); !errors.Is(err, ErrDenied) {
		t.Errorf("without a token: %v", err)
	}
}
