package activations

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agar/model"
	"agar/model/lora"
)

func TestEmitScript(t *testing.T) {
	o := ScriptOptions{Model: "it's/a <model>", Checkpoints: []string{"run/checkpoint-1", "run/checkpoint-2"}, Data: "text.jsonl", Out: "out", Hooks: []string{"hook_embed", "blocks.12.mlp.hook_post"}, Tokens: 9}
	var buf bytes.Buffer
	if err := EmitScript(&buf, o); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`MODEL = "it's/a \u003cmodel\u003e"`, `CHECKPOINTS = ["run/checkpoint-1","run/checkpoint-2"]`, `HOOKS = ["hook_embed","blocks.12.mlp.hook_post"]`,
		"CONTEXT, TOKENS, SHARD_ROWS = 128, 9, 65536", `DTYPE = "auto"`, "pip install torch transformers peft pyarrow",
	} {
		if !strings.Contains(buf.String(), want) {
			t.Errorf("the script lacks %s", want)
		}
	}
	for name, change := range map[string]func(*ScriptOptions){
		"no model": func(o *ScriptOptions) { o.Model = "" }, "standard input": func(o *ScriptOptions) { o.Data = "-" }, "a quote": func(o *ScriptOptions) { o.Out = `a"""b` },
		"a hook it cannot read": func(o *ScriptOptions) { o.Hooks = []string{"blocks.1.attn.hook_q"} }, "no hook": func(o *ScriptOptions) { o.Hooks = nil },
		"one name twice": func(o *ScriptOptions) { o.Checkpoints = []string{"a/checkpoint-1", "b/checkpoint-1"} },
	} {
		o := o
		change(&o)
		if err := EmitScript(&buf, o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// python is the interpreter of the reference environment.
func pythonPath(t *testing.T) string {
	dir := os.Getenv("AGAR_ORACLES")
	if dir == "" {
		t.Skip("AGAR_ORACLES is not set: nothing to run Python with")
	}
	return filepath.Join(dir, "bin", "python")
}

func runPython(t *testing.T, args ...string) string {
	t.Helper()
	c := exec.Command(pythonPath(t), args...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("python %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestLiveScript runs the script on a tiny model with two checkpoints and holds
// its store to the one that this program captures.
func TestLiveScript(t *testing.T) {
	dir := t.TempDir()
	runPython(t, filepath.Join("testdata", "make_tiny.py"), dir)
	hooks := []string{"blocks.0.hook_resid_post", "blocks.1.hook_resid_post", "blocks.2.hook_resid_mid", "blocks.1.hook_mlp_out", "blocks.2.hook_attn_out", "hook_embed"}
	data, theirs, ours := filepath.Join(dir, "data.jsonl"), filepath.Join(dir, "theirs"), filepath.Join(dir, "ours")
	run := []string{filepath.Join(dir, "run", "checkpoint-10"), filepath.Join(dir, "run", "checkpoint-20")}
	var script bytes.Buffer
	if err := EmitScript(&script, ScriptOptions{Model: filepath.Join(dir, "model"), Checkpoints: run, Data: data, Out: theirs, Hooks: hooks, Context: 12, ShardRows: 300, DType: F32}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "script.py")
	if err := os.WriteFile(path, script.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	runPython(t, path)
	v, err := Verify(context.Background(), theirs)
	if err != nil || !v.OK() {
		t.Fatalf("Verify: %v, %+v", err, v)
	}
	captureTiny(t, filepath.Join(dir, "model"), run[1], data, ours, hooks)
	compareStores(t, mustOpen(t, theirs), mustOpen(t, ours))
}

// captureTiny captures hooks, bases and differences with this program's model.
func captureTiny(t *testing.T, modelDir, adapter, data, out string, hooks []string) {
	t.Helper()
	m, err := model.Open(modelDir, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	l, err := lora.Load(adapter)
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.Attach(l, model.AttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	docs, err := OpenDocuments(data, m.Tokenizer, m.Chat, DocumentOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer docs.Close()
	all := slices.Clone(hooks)
	for _, h := range hooks {
		all = append(all, h+"@base")
		if m.Reaches(a, h) == nil {
			all = append(all, h+"@checkpoint-20-base")
		}
	}
	all = append(all, "blocks.1.mlp.down_proj.lora.hook_a")
	mustCapture(t, CaptureOptions{
		Dir: out, Hooks: all, Context: 12, ShardRows: 300, DType: F32, Special: m.Tokenizer.Specials(), Prefix: m.Tokenizer.Prefix(),
	}, NewRunner(m, a, 1), docs)
}

// compareStores holds every column of ours to theirs, where A·x has the name of
// its checkpoint. 2e-5 of a vector's norm is four times what one finds between
// two orders of summation in float32 on a model of this size; a difference is
// compared with the norm of what it is the difference of.
func compareStores(t *testing.T, theirs, ours *Store) {
	t.Helper()
	a, b := theirs.Content(), ours.Content()
	if a.Documents != b.Documents || a.Empty != b.Empty || a.Tokens != b.Tokens || !slices.Equal(a.Special, b.Special) || !slices.Equal(a.Prefix, b.Prefix) || len(a.Shards) != len(b.Shards) {
		t.Errorf("found %+v, expected %+v", b, a)
	}
	for _, hook := range ours.Hooks() {
		name := hook
		if strings.HasSuffix(hook, ".lora.hook_a") {
			name += "@checkpoint-20"
		}
		x, y := allRows(t, theirs, name), allRows(t, ours, hook)
		scale, _, _ := strings.Cut(hook, "@")
		norms, _, err := ours.Norms(scale)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(x.Token, y.Token) || !slices.Equal(x.Doc, y.Doc) || !slices.Equal(x.Window, y.Window) || !slices.Equal(x.Pos, y.Pos) || !slices.Equal(x.Role, y.Role) {
			t.Fatalf("%s: tokens, places or roles differ", hook)
		}
		worst := 0.0
		for i := range x.N {
			d := 0.0
			for j, v := range x.Row(i) {
				d += math.Pow(float64(v-y.Row(i)[j]), 2)
			}
			worst = max(worst, math.Sqrt(d)/float64(norms[i]))
		}
		t.Logf("%-45s worst relative error %.1e", hook, worst)
		if worst > 2e-5 {
			t.Errorf("%s: worst relative error %.1e", hook, worst)
		}
	}
}

func allRows(t *testing.T, s *Store, hook string) *Rows {
	t.Helper()
	src, err := s.Source(hook, everything)
	if err != nil {
		t.Fatal(err)
	}
	return readAll(t, src, 512)
}

// TestLivePyarrowReads reads a capture with pyarrow and compares all of it.
func TestLivePyarrowReads(t *testing.T) {
	pythonPath(t)
	s := fakeStore(t, 60)
	rows := allRows(t, s, residPost)
	sum := 0.0
	for i, v := range rows.X {
		sum += float64(v) * float64(i%97)
	}
	out := runPython(t, "-c", `
import sys, glob, pyarrow as pa, pyarrow.dataset as ds, numpy as np
t = pa.concat_tables(pa.ipc.open_file(pa.memory_map(p)).read_all() for p in sorted(glob.glob(sys.argv[1] + "/shard-*.arrow")))
t.validate(full=True)
x = t["`+residPost+`"].combine_chunks().flatten().to_numpy().astype(np.float64)
d = ds.dataset(sorted(glob.glob(sys.argv[1] + "/shard-*.arrow")), format="ipc").to_table(columns=["token_id"])
print(t.schema.to_string(show_field_metadata=False).replace("\n", "; "))
print(t.num_rows, sum(t["token_id"].to_pylist()), d == t.select(["token_id"]), repr(float((x * (np.arange(len(x)) % 97)).sum())))
`, s.Dir())
	tokens := int64(0)
	for _, id := range rows.Token {
		tokens += int64(id)
	}
	t.Log(out)
	var n, ids int64
	var got float64
	var same string
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if _, err := fmt.Sscan(lines[len(lines)-1], &n, &ids, &same, &got); err != nil {
		t.Fatal(err)
	}
	if n != s.Len() || ids != tokens || same != "True" || math.Abs(got-sum) > 1e-9*math.Abs(sum) {
		t.Errorf("pyarrow finds %d rows, %d, %s, %v; expected %d, %d, True, %v", n, ids, same, got, s.Len(), tokens, sum)
	}
	if !strings.Contains(lines[0], "fixed_size_list<item: halffloat not null>[6] not null") {
		t.Errorf("schema %s", lines[0])
	}
}
