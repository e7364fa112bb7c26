package manifest_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"agar/activations/manifest"
)

func Example() {
	m := manifest.Manifest{
		Format:  manifest.Capture,
		Command: []string{"agar", "capture", "MODEL"},
		Config:  map[string]any{"ctx": 128, "batch": 2048},
		Data:    manifest.Ref{Path: "/data/text.jsonl", SHA256: "9f86d0…"},
	}
	_ = m.SetContent(struct {
		Rows int `json:"rows"`
	}{3})
	b, _ := m.Bytes()
	fmt.Print(string(b))
	// Output:
	// {
	//   "format": "agar-capture/1",
	//   "command": [
	//     "agar",
	//     "capture",
	//     "MODEL"
	//   ],
	//   "config": {
	//     "batch": 2048,
	//     "ctx": 128
	//   },
	//   "data": {
	//     "path": "/data/text.jsonl",
	//     "sha256": "9f86d0…"
	//   },
	//   "content": {
	//     "rows": 3
	//   }
	// }
}

func sample() manifest.Manifest {
	one := 1.0
	return manifest.Manifest{
		Format: manifest.Capture, Command: []string{"agar", "<x>"}, Config: map[string]any{"ctx": 128.0, "dtype": "auto"},
		Version: "0.1", Kernel: "avx2", Model: manifest.Ref{Path: "/m", SHA256: strings.Repeat("a", 64)},
		Adapter: manifest.Ref{Path: "/a", SHA256: strings.Repeat("b", 64), Lambda: &one},
		Inputs:  map[string]manifest.Ref{"sae": {Path: "/s", SHA256: "cc"}}, Checksums: map[string]string{"x": "y"},
	}
}

func TestWriteReadIsIdentity(t *testing.T) {
	dir := t.TempDir()
	m := sample()
	if err := m.SetContent(map[string]any{"b": []int{1, 2}, "a": "ü"}); err != nil {
		t.Fatal(err)
	}
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
	first, _ := os.ReadFile(filepath.Join(dir, manifest.Name))
	got, err := manifest.Read(dir, manifest.Capture)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, m) {
		t.Errorf("read %+v, wrote %+v", got, m)
	}
	if err := got.Write(dir); err != nil {
		t.Fatal(err)
	}
	second, _ := os.ReadFile(filepath.Join(dir, manifest.Name))
	if !bytes.Equal(first, second) {
		t.Errorf("writing back changed\n%s\nto\n%s", first, second)
	}
}

func TestCheckFormat(t *testing.T) {
	for _, c := range []struct{ found, want, msg string }{
		{"agar-capture/1", "agar-capture/1", ""},
		{"agar-capture/1", "agar-capture/3", ""},
		{"agar-capture/1", "", ""},
		{"agar-capture/4", "agar-capture/3", "found format agar-capture/4, which is newer than agar-capture/3"},
		{"agar-features/1", "agar-capture/1", "found format agar-features/1, expected agar-capture/1"},
		{"", "agar-capture/1", `found format ""`},
		{"agar-capture", "", "expected NAME/VERSION"},
		{"agar-capture/01", "", "expected NAME/VERSION"},
		{"agar-capture/0", "", "expected NAME/VERSION"},
	} {
		err := manifest.CheckFormat(c.found, c.want)
		if (err == nil) != (c.msg == "") || err != nil && !strings.Contains(err.Error(), c.msg) {
			t.Errorf("CheckFormat(%q, %q) = %v, expected %q", c.found, c.want, err, c.msg)
		}
	}
}

func TestReadNamesWhatIsMissing(t *testing.T) {
	_, err := manifest.Read(t.TempDir(), manifest.Capture)
	if err == nil || !strings.Contains(err.Error(), "manifest.json") {
		t.Errorf("found %v", err)
	}
	if err := (&manifest.Manifest{}).Write(t.TempDir()); err == nil {
		t.Error("wrote a manifest without a format")
	}
}

func TestDifferencesNameEach(t *testing.T) {
	a := sample()
	for _, c := range []struct {
		name, want string
		change     func(*manifest.Manifest)
	}{
		{"nothing", "", func(*manifest.Manifest) {}},
		{"command", "", func(m *manifest.Manifest) { m.Command = nil }},
		{"moved", "", func(m *manifest.Manifest) { m.Model.Path = "/elsewhere" }},
		{"config", "config ctx: 128 there, 64 here", func(m *manifest.Manifest) { m.Config = map[string]any{"ctx": 64, "dtype": "auto"} }},
		{"config key", `config dtype: "auto" there, null here`, func(m *manifest.Manifest) { m.Config = map[string]any{"ctx": 128} }},
		{"kernel", `kernel: "avx2" there, "generic" here`, func(m *manifest.Manifest) { m.Kernel = "generic" }},
		{"model", "model: /m (sha256 aaaaaaaaaaaa…) there, /n (sha256 dddddddddddd…) here", func(m *manifest.Manifest) {
			m.Model = manifest.Ref{Path: "/n", SHA256: strings.Repeat("d", 64)}
		}},
		{"adapter", "adapter: /a (sha256 bbbbbbbbbbbb…) there, none here", func(m *manifest.Manifest) { m.Adapter = manifest.Ref{Lambda: a.Adapter.Lambda} }},
		{"lambda", "adapter lambda: 1 there, 2 here", func(m *manifest.Manifest) { two := 2.0; m.Adapter.Lambda = &two }},
		{"input", "sae: /s there, none here", func(m *manifest.Manifest) { m.Inputs = nil }},
	} {
		b := sample()
		c.change(&b)
		if got := strings.Join(manifest.Differences(&a, &b), "|"); got != c.want {
			t.Errorf("%s: found %q, expected %q", c.name, got, c.want)
		}
	}
}

func TestRefOf(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a": "hello\n", "b": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// The hashes are those of coreutils' sha256sum.
	const hello, empty = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	one, err := manifest.RefOf(filepath.Join(dir, "a"))
	if err != nil || one.SHA256 != hello || one.Files != nil {
		t.Errorf("one file: %+v, %v", one, err)
	}
	two, err := manifest.RefOf(dir, "b", "a")
	if err != nil || two.Files["a"] != hello || two.Files["b"] != empty {
		t.Errorf("two files: %+v, %v", two, err)
	}
	again, _ := manifest.RefOf(dir, "a", "b")
	if two.SHA256 != again.SHA256 || two.SHA256 == hello {
		t.Error("the hash of two files depends on their order or is that of one")
	}
	if _, err := manifest.RefOf(dir, "a", "missing"); err == nil {
		t.Error("hashed a missing file")
	}
}

func FuzzParse(f *testing.F) {
	m := sample()
	_ = m.SetContent(map[string]int{"rows": 1})
	b, _ := m.Bytes()
	f.Add(b)
	f.Add([]byte(`{"format":"agar-capture/2"}`))
	f.Add([]byte(`{"format":"agar-capture/1","content":[ 1 ,2]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := manifest.Parse(b, manifest.Capture)
		if err != nil {
			return
		}
		once, err := m.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		again, err := manifest.Parse(once, manifest.Capture)
		if err != nil {
			t.Fatalf("%v in what was written: %s", err, once)
		}
		if twice, _ := again.Bytes(); !bytes.Equal(once, twice) {
			t.Fatalf("not stable:\n%s\n%s", once, twice)
		}
	})
}
