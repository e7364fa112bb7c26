package model

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"agar/model/chat"
	"agar/model/tensor"
	"agar/model/tokenizer"
)

// Options says how to open a model. The zero value is what most callers want.
type Options struct {
	// PanelBudget is how many bytes of packed weights are kept between calls. 0
	// is a quarter of the memory, less where weights and workspace leave less;
	// negative keeps none, so that every call packs anew.
	PanelBudget int64
	// MemoryLimit, when positive, stands for the memory of the machine: a model
	// that needs more is refused.
	MemoryLimit int64
	// SkipNaNCheck leaves out the scan for NaN and Inf that every weight gets
	// before its first use.
	SkipNaNCheck bool
}

// Model is an open model. Forward and Generate may be called from several
// goroutines; Close only when they are done.
type Model struct {
	Spec      Spec
	Tokenizer *tokenizer.Tokenizer
	Chat      *chat.Template // nil when the model has none
	Name      string         // what the config calls it (_name_or_path, general.name), else the name of the directory or file
	Dir       string         // the path given to Open
	Files     []string       // the files that weights were mapped from
	EOS       []int32        // tokens that end a generation

	w         *weights
	panels    *tensor.Panels
	plan      plan
	guards    []guard
	skipCheck bool
	files     []mapping
	fam       *family
	trainable bool        // weights may change, so that nothing packed of them is kept
	ropes     []ropeStore // one for each of Spec.Ropes
	plain     norm        // weight 1 and bias 0
	spaces    sync.Pool   // *workspace

	transposes transposes
	backSpaces backSpaces
}

// eagerCheck is the size of weights up to which Open itself looks for NaN and
// Inf. It would take a second a gigabyte, so that larger models are looked at block
// by block, each before its first use.
const eagerCheck = 64 << 20

// Open opens a HF directory (config.json, safetensors, tokenizer.json) or a
// .gguf file. Nothing of the weights is copied. Errors name the file, and the
// key or tensor, with what was found and expected; a model that does not fit in
// memory is a *TooLarge.
func Open(path string, o Options) (*Model, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	m := &Model{Dir: path, skipCheck: o.SkipNaNCheck}
	if st.IsDir() {
		err = m.openHF(o)
	} else {
		err = m.openGGUF(o)
	}
	if err == nil {
		err = m.ready()
	}
	if err != nil {
		return nil, errors.Join(m.explain(err), m.Close())
	}
	return m, nil
}

// explain adds the package to an error, unless it has it.
func (m *Model) explain(err error) error {
	if errors.Is(err, ErrWontFit) || errors.Is(err, ErrNotFinite) {
		return err
	}
	return fmt.Errorf("model: %w", err)
}

// ready prepares an open model for its first forward. What was read of the files
// so far, norms above all, is no longer needed where it lies.
func (m *Model) ready() error {
	m.w.keep(m.panels)
	m.ropes = make([]ropeStore, len(m.Spec.Ropes))
	m.plain = norm{make([]float32, m.Spec.DModel), make([]float32, m.Spec.DModel)}
	for i := range m.plain.w {
		m.plain.w[i] = 1
	}
	m.guards = make([]guard, m.Spec.Layers+2)
	m.spaces.New = func() any { return new(workspace) }
	var err error
	if m.plan.weights <= eagerCheck {
		err = m.Check()
	}
	for _, f := range m.files {
		f.Release()
	}
	return err
}

// mapping is files that weights are mapped from.
type mapping interface {
	// Release makes no page of them resident until it is touched again.
	Release()
	Close() error
}

// keep lets every matrix that is multiplied by keep its panels.
func (w *weights) keep(p *tensor.Panels) {
	w.kept(func(_ int, x *tensor.Weight) { x.Keep(p) })
}

// Close unmaps the files of the model, which must not be used afterwards.
func (m *Model) Close() error {
	var errs []error
	for _, f := range m.files {
		errs = append(errs, f.Close())
	}
	m.files = nil
	return errors.Join(errs...)
}

// sizeOf adds up the sizes of files.
func sizeOf(paths []string) (n int64, err error) {
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			return 0, err
		}
		n += st.Size()
	}
	return n, nil
}

// setPlan plans the memory for the files that hold the weights.
func (m *Model) setPlan(o Options) error {
	n, err := sizeOf(m.Files)
	if err != nil {
		return err
	}
	if m.plan, err = planMemory(m.Dir, &m.Spec, n, o); err != nil {
		return err
	}
	m.panels = tensor.NewPanels(m.plan.panels)
	return nil
}

// readOptional reads a file that need not exist.
func readOptional(dir, name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}
