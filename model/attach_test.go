package model

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"agar/model/lora"
)

func TestAttachRefuses(t *testing.T) {
	m := open(t, filepath.Join("testdata", "tied"))
	load := func() *lora.Adapter {
		l, err := lora.Load(filepath.Join("testdata", "tied", "r4"))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, x := range []struct {
		name string
		do   func(l *lora.Adapter)
		says []string
	}{
		{"a layer too many", func(l *lora.Adapter) {
			l.Modules[0].Layer, l.Modules[0].Name = 3, "model.layers.3.mlp.down_proj"
		}, []string{"model.layers.3.mlp.down_proj", "3 layers"}},
		{"no such module", func(l *lora.Adapter) { l.Modules[0].Name = "model.layers.0.mlp.fc1" }, []string{"model.layers.0.mlp.fc1"}},
		{"another prefix", func(l *lora.Adapter) { l.Modules[0].Name = "vision_model." + l.Modules[0].Name }, []string{"vision_model"}},
		{"another width", func(l *lora.Adapter) { l.Modules[0].In = 47 }, []string{l0(load()), "47"}},
		{"nothing", func(l *lora.Adapter) { l.Modules = nil }, []string{"no modules"}},
		{"zero", func(l *lora.Adapter) {
			for i := range l.Modules {
				clear(l.Modules[i].B)
			}
		}, []string{"every B is zero", "--allow-zero-adapter"}},
	} {
		l := load()
		x.do(l)
		_, err := m.Attach(l, AttachOptions{})
		if !errors.Is(err, ErrAdapter) {
			t.Errorf("%s: %v, expected %v", x.name, err, ErrAdapter)
			continue
		}
		for _, s := range append(x.says, l.File) {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %v: does not say %q", x.name, err, s)
			}
		}
		if _, err := m.Attach(l, AttachOptions{AllowZero: true}); (err == nil) != (x.name == "zero") {
			t.Errorf("%s with AllowZero: %v", x.name, err)
		}
	}
	l := load()
	l.Config.BaseModel = "someone/other-model"
	a, err := m.Attach(l, AttachOptions{})
	if err != nil || len(a.Warnings()) != 1 || !strings.Contains(a.Warnings()[0], "someone/other-model") || !strings.Contains(a.Warnings()[0], "tiny/tied") {
		t.Errorf("another base: %v, warnings %v", err, a.Warnings())
	}
	if other := open(t, filepath.Join("testdata", "tied")); true {
		_, err := other.Forward(context.Background(), &Request{Seqs: [][]int32{{1}}, Adapter: a})
		if !errors.Is(err, ErrAdapter) {
			t.Errorf("an adapter of another model: %v", err)
		}
	}
}

func l0(l *lora.Adapter) string { return l.Modules[0].Name }

func TestSameModel(t *testing.T) {
	for _, x := range []struct {
		base, name, dir string
		same            bool
	}{
		{"HuggingFaceTB/SmolLM2-135M-Instruct", "HuggingFaceTB/SmolLM2-135M-Instruct", "/m/x", true},
		{"unsloth/SmolLM2-135M-Instruct/", "SmolLM2 135M", "/m/SmolLM2-135M-Instruct.Q4_1.gguf", true},
		{"HuggingFaceTB/SmolLM2-135M", "HuggingFaceTB/SmolLM2-135M-Instruct", "/m/x", false},
		{"/old/place/smollm2-135m", "x", "/new/SmolLM2-135M", true},
	} {
		if got := sameModel(x.base, x.name, x.dir); got != x.same {
			t.Errorf("%q on %q in %s: %v, expected %v", x.base, x.name, x.dir, got, x.same)
		}
	}
}
