package tui

import (
	"bytes"
	"os"
	"testing"

	"agar/tui/theme"
)

func TestAnswersAreTakenOutOfTheInput(t *testing.T) {
	for name, c := range map[string]struct {
		reads []string
		want  string
		dark  []bool
	}{
		"keys only":         {[]string{"abc", "\x1b[A", "\x1b"}, "abc\x1b[A\x1b", nil},
		"bell":              {[]string{"a\x1b]11;rgb:1e1e/1e1e/1e1e\ab"}, "ab", []bool{true}},
		"string terminator": {[]string{"\x1b]11;rgb:ffff/ffff/ffff\x1b\\q"}, "q", []bool{false}},
		"in pieces":         {[]string{"x\x1b]11;rgb:00", "00/0000/0000", "\ay"}, "xy", []bool{true}},
		"two digits":        {[]string{"\x1b]11;rgb:ff/ff/e0\a"}, "", []bool{false}},
		"nonsense":          {[]string{"\x1b]11;what\a", "z"}, "z", nil},
		"endless":           {[]string{"\x1b]11;" + string(bytes.Repeat([]byte("x"), 100))}, "\x1b]11;" + string(bytes.Repeat([]byte("x"), 100)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := newListener(os.Stdin)
			var got []byte
			for _, r := range c.reads {
				got = append(got, l.filter([]byte(r))...)
			}
			if string(got) != c.want {
				t.Errorf("got %q, expected %q", got, c.want)
			}
			select {
			case dark := <-l.answer:
				if len(c.dark) == 0 || dark != c.dark[0] {
					t.Errorf("dark %v, expected %v", dark, c.dark)
				}
			default:
				if len(c.dark) > 0 {
					t.Error("the answer was not heard")
				}
			}
		})
	}
}

func TestListenerReads(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w.WriteString("a\x1b]11;rgb:0000/0000/0000\ab")
	w.Close()
	buf := make([]byte, 256)
	n, err := newListener(r).Read(buf)
	if err != nil || string(buf[:n]) != "ab" {
		t.Errorf("got %q, %v; expected ab", buf[:n], err)
	}
}

func TestTheBackgroundChangesAnAutomaticThemeOnly(t *testing.T) {
	for name, want := range map[string]string{"": "viridis-light", "auto": "viridis-light", "deuter": "deuter"} {
		a := testApp(t, theme.TrueColor, 0, 80, 24)
		a.caps.themeName = name
		a.Update(backgroundMsg{Dark: false})
		if a.env.theme.Name != want {
			t.Errorf("theme %q on a light background is %s, expected %s", name, a.env.theme.Name, want)
		}
	}
}

func FuzzListener(f *testing.F) {
	f.Add([]byte("a\x1b]11;rgb:1e1e/1e1e/1e1e\ab"), 3)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		l := newListener(os.Stdin)
		cut = max(cut%(len(b)+1), 0)
		got := append(l.filter(bytes.Clone(b[:cut])), l.filter(bytes.Clone(b[cut:]))...)
		if len(got)+len(l.held) > len(b) {
			t.Errorf("%q became %q", b, got)
		}
		if !bytes.Contains(b, []byte("\x1b]11;")) && !bytes.Equal(got, b) {
			t.Errorf("%q became %q", b, got)
		}
	})
}
