package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"agar/activations/blob"
)

// Name is the file's name in every artefact directory.
const Name = "manifest.json"

// Formats that agar writes, with their current version.
const (
	Capture  = "agar-capture/1"
	Features = "agar-features/1"
)

// maxSize bounds what Read takes into memory. A store of 10⁵ shards has a
// manifest of about 10 MB.
const maxSize = 256 << 20

// Manifest is what a directory says about itself.
type Manifest struct {
	Format    string            `json:"format"`                 // agar-capture/1
	Command   []string          `json:"command,omitempty"`      // the words that made it
	Config    map[string]any    `json:"config,omitempty"`       // the effective configuration, defaults filled in
	Version   string            `json:"agar_version,omitempty"` // of the program that wrote it
	Kernel    string            `json:"kernel,omitempty"`       // path of the numeric kernels: avx512, amx, avx2, generic
	Model     Ref               `json:"model,omitzero"`         // the model that ran
	Adapter   Ref               `json:"adapter,omitzero"`       // the LoRA adapter on it
	Tokenizer Ref               `json:"tokenizer,omitzero"`     // what turned text into ids
	Data      Ref               `json:"data,omitzero"`          // the documents
	Inputs    map[string]Ref    `json:"inputs,omitempty"`       // other things read, by their role: capture, sae
	Content   json.RawMessage   `json:"content,omitempty"`      // what the format adds, see SetContent
	Checksums map[string]string `json:"checksums,omitempty"`    // SHA-256 in hex by file name
}

// SetContent stores the part of the manifest that belongs to one format. v must
// marshal to an object.
func (m *Manifest) SetContent(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("manifest: content: %w", err)
	}
	m.Content = b
	return nil
}

// ContentInto decodes the format's own part into v, a pointer.
func (m *Manifest) ContentInto(v any) error {
	if len(m.Content) == 0 {
		return fmt.Errorf("manifest: found no content, expected that of %s", m.Format)
	}
	if err := json.Unmarshal(m.Content, v); err != nil {
		return fmt.Errorf("manifest: content of %s: %w", m.Format, err)
	}
	return nil
}

// Bytes is the manifest as it stands on disk.
func (m *Manifest) Bytes() ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return buf.Bytes(), nil
}

// Write puts the manifest into the directory, wholly or not at all.
func (m *Manifest) Write(dir string) error { return m.WriteTo(blob.Dir(dir), Name) }

// WriteTo puts the manifest under a name of a blob store.
func (m *Manifest) WriteTo(s blob.Store, name string) error {
	if _, _, err := splitFormat(m.Format); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	b, err := m.Bytes()
	if err != nil {
		return err
	}
	return blob.WriteAll(s, name, b)
}

// Read reads the manifest of a directory and checks that its format is want, in
// want's version or an older one. An empty want takes any format.
func Read(dir, want string) (Manifest, error) { return ReadFrom(blob.Dir(dir), Name, want) }

// ReadFrom reads a manifest from a blob store.
func ReadFrom(s blob.Store, name, want string) (Manifest, error) {
	b, err := blob.ReadAll(s, name, maxSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Manifest{}, fmt.Errorf("manifest: no %s (is this an artefact of agar, and was it finished?): %w", name, err)
	case err != nil:
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	m, err := Parse(b, want)
	if err != nil {
		return Manifest{}, fmt.Errorf("manifest: %s: %w", name, err)
	}
	return m, nil
}

// Parse decodes the bytes of a manifest, with the checks of Read.
func Parse(b []byte, want string) (Manifest, error) {
	var head struct {
		Format string `json:"format"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return Manifest{}, err
	}
	if err := CheckFormat(head.Format, want); err != nil {
		return Manifest{}, err
	}
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return Manifest{}, err
	}
	// Indentation is the encoder's business, so that what was read writes back
	// to the same bytes.
	if len(m.Content) > 0 {
		var c bytes.Buffer
		if err := json.Compact(&c, m.Content); err != nil {
			return Manifest{}, err
		}
		m.Content = c.Bytes()
	}
	return m, nil
}

// CheckFormat compares a format found with the one a reader wants, both
// NAME/VERSION: another name and a newer version are errors that say so.
func CheckFormat(found, want string) error {
	name, version, err := splitFormat(found)
	if err != nil || want == "" {
		return err
	}
	wantName, wantVersion, err := splitFormat(want)
	if err != nil {
		return err
	}
	switch {
	case name != wantName:
		return fmt.Errorf("found format %s, expected %s", found, want)
	case version > wantVersion:
		return fmt.Errorf("found format %s, which is newer than %s, the newest this program reads: use a newer agar", found, want)
	}
	return nil
}

func splitFormat(s string) (string, int, error) {
	name, v, ok := strings.Cut(s, "/")
	n, err := strconv.Atoi(v)
	if !ok || err != nil || n < 1 || name == "" || strconv.Itoa(n) != v {
		return "", 0, fmt.Errorf("found format %q, expected NAME/VERSION such as agar-capture/1", s)
	}
	return name, n, nil
}
