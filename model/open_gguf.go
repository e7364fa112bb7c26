package model

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"agar/model/chat"
	"agar/model/gguf"
)

// openGGUF opens the file m.Dir.
func (m *Model) openGGUF(o Options) error {
	f, err := gguf.Open(m.Dir)
	if err != nil {
		return err
	}
	m.files = append(m.files, f)
	fam, err := ggufFamily(f.Architecture())
	if err != nil {
		return fmt.Errorf("%s: %w", m.Dir, err)
	}
	m.Files, m.fam = f.Paths(), fam
	src := newGGUFTensors(m.Dir, f)
	if m.Spec, err = ggufSpec(fam, f, src); err != nil {
		return fmt.Errorf("%s: %w", m.Dir, err)
	}
	if err := m.setPlan(o); err != nil {
		return err
	}
	if m.w, err = bind(src, &m.Spec, &fam.gguf, fam.ignored); err != nil {
		return err
	}
	if m.Tokenizer, err = f.Tokenizer(); err != nil {
		return err
	}
	return m.ggufText(f)
}

// ggufText reads the chat template, the tokens that end a text, and the name.
func (m *Model) ggufText(f *gguf.File) error {
	g := ggufMeta{f: f}
	m.Name = strings.TrimSuffix(filepath.Base(m.Dir), ".gguf")
	if g.has("general.name") {
		m.Name = g.string("general.name")
	}
	vars := map[string]string{}
	for name, key := range map[string]string{"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"} {
		if id := g.optional("tokenizer.ggml." + key + "_token_id"); id >= 0 && id < m.Tokenizer.Size() {
			vars[name] = m.Tokenizer.Decode([]int32{int32(id)}, false)
		}
	}
	for _, key := range []string{"eos", "eot", "eom"} {
		if id := g.optional("tokenizer.ggml." + key + "_token_id"); id >= 0 && !slices.Contains(m.EOS, int32(id)) {
			m.EOS = append(m.EOS, int32(id))
		}
	}
	if g.err != nil {
		return g.err
	}
	source, ok := f.ChatTemplate()
	if !ok {
		return nil
	}
	var err error
	if m.Chat, err = chat.Parse(source, vars); err != nil {
		return fmt.Errorf("%s: chat template: %w", m.Dir, err)
	}
	return nil
}

// ggufMeta reads metadata and keeps the first error.
type ggufMeta struct {
	f   *gguf.File
	err error
}

func (g *ggufMeta) has(key string) bool { return g.f.Has(key) }

func (g *ggufMeta) keep(err error) {
	if g.err == nil {
		g.err = err
	}
}

func (g *ggufMeta) int(key string) int {
	v, err := g.f.Uint(key)
	g.keep(err)
	return int(min(v, maxPos))
}

func (g *ggufMeta) string(key string) string {
	v, err := g.f.String(key)
	g.keep(err)
	return v
}

// optional is an integer, or −1 when the key is absent.
func (g *ggufMeta) optional(key string) int {
	if !g.has(key) {
		return -1
	}
	return g.int(key)
}
